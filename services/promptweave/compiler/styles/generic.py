"""The generic style: a JSON envelope in which the model thinks one step ahead, then calls tools or returns its result.

It works with any template, even one without tools or system messages: the system turn explains the tools and the envelope,
and the history is written in the same envelope that the grammar requires.
"""

from collections.abc import Sequence
from typing import Any

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import Call, Message, Role, SchemaStyle, Tool
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.styles.tool_text import tools_as_text
from promptweave.output.grammar.expr import Expr
from promptweave.output.tree import (
    ChoiceNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Transform,
)

THOUGHT, STEP, CALLS, RESULT = "thought_about_next_step_only", "next_step", "tool_calls", "result"


def envelope(
    tools: Sequence[CallableTool], *, string: Expr, result: RegionNode | None, required: bool, parallel: bool
) -> Node:
    """Return the envelope's tree. `string` is the grammar of a JSON string; `result` is the result's node, None for text."""
    call = RegionNode(
        Region.TOOL_CALL,
        ChoiceNode(
            tuple(
                SequenceNode(
                    (
                        LiteralNode('{"name": "'),
                        tool.named(LiteralNode(tool.name)),
                        LiteralNode('", "arguments": '),
                        tool.arguments_node(),
                        LiteralNode("}"),
                    )
                )
                for tool in tools
            )
        ),
    )
    several = SequenceNode(
        (LiteralNode(f'"{CALLS}": ['), RepeatNode(call, ", ", 1, None if parallel else 1), LiteralNode("]"))
    )
    if result is None:
        answer: Node = RegionNode(Region.CONTENT, JsonNode('"', string), Transform.JSON_STRING_DECODE, stoppable=True)
    else:
        answer = result
    given = SequenceNode((LiteralNode(f'"{RESULT}": '), answer))
    return SequenceNode(
        (
            LiteralNode(f'{{"{THOUGHT}": '),
            RegionNode(Region.REASONING, JsonNode('"', string), Transform.JSON_STRING_DECODE),
            LiteralNode(f', "{STEP}": {{'),
            several if required else ChoiceNode((several, given)),
            LiteralNode("}}"),
        )
    )


def instructions(tools: Sequence[Tool], schemas: SchemaStyle, result_schema: Any, *, parallel: bool) -> str:
    """Return the system turn's instructions about the tools and the envelope."""
    calls = "one or more calls" if parallel else "one call"
    result = (
        "your answer, as text"
        if result_schema is None
        else f"your answer, a JSON value of the schema {dumps(result_schema)}"
    )
    return (
        f"You can call these functions:\n\n{tools_as_text(tools, schemas)}\n\n"
        "Answer with one JSON object and nothing else. Think about the next step only, then either make "
        f"{calls}, whose results you will be given, or give the final result:\n"
        f'{{"{THOUGHT}": "...", "{STEP}": {{"{CALLS}": [{{"name": "...", "arguments": {{...}}}}]}}}}\n'
        f'{{"{THOUGHT}": "...", "{STEP}": {{"{RESULT}": ...}}}}\n'
        f'"{RESULT}" is {result}.'
    )


def history(messages: Sequence[Message], *, result_is_json: bool) -> tuple[Message, ...]:
    """Return the conversation as plain text turns: the assistant's text and calls in the envelope, and the results."""
    return tuple(_in_envelope(message, result_is_json) for message in messages)


def _in_envelope(message: Message, result_is_json: bool) -> Message:
    if message.role is Role.TOOL:
        answered = {"tool_call_id": message.tool_call_id} if message.tool_call_id else {}
        return Message(Role.USER, dumps({"tool_result": {**answered, "content": message.content or ""}}))
    if message.role is not Role.ASSISTANT:
        return message
    step: dict[str, Any]
    thought = message.reasoning_content or ""
    if message.tool_calls:
        step = {CALLS: [_as_json(call) for call in message.tool_calls]}
        # The envelope has no field for text beside calls; it came before them.
        thought = "\n".join(filter(None, (thought, message.content)))
    else:
        step = {RESULT: _result(message.content or "", result_is_json)}
    return Message(Role.ASSISTANT, dumps({THOUGHT: thought, STEP: step}))


def _as_json(call: Call) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": loads(call.arguments)}


def _result(content: str, is_json: bool) -> Any:
    if is_json:
        try:
            return loads(content)
        except ValueError:
            pass
    return content
