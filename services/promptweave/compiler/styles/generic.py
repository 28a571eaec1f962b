"""The generic style: a JSON envelope in which the model thinks one step ahead, then calls tools or returns its result.

It works with any template, even one without tools or system messages: the system turn explains the tools and the envelope,
and the history is written in the same envelope that the grammar requires.
"""

from collections.abc import Sequence
from typing import Any

from promptweave.compiler.json_schema.emit.json_grammar import scalar
from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.styles.style import AnswerParts, StyleSyntax, TemplateSyntax
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


class GenericStyle:
    """A JSON envelope around the complete answer."""

    name = "generic"

    def is_default_for(self, template: TemplateSyntax) -> bool:
        """Return False: it is the fallback, so nothing has to choose it."""
        return False

    def unsupported_by(self, template: TemplateSyntax) -> str:
        """Return "": every template supports it."""
        return ""

    def is_rendered_by(self, template: TemplateSyntax) -> bool:
        """Return False: no template writes the envelope."""
        return False

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return a syntax without calls. To the template the envelope is content, so it has the same text around it."""
        return StyleSyntax(None, template.answer)

    def texts(self, template: TemplateSyntax) -> list[str]:
        """Return the texts of the template's own syntax, in which text may still be written if the envelope is not."""
        return StyleSyntax(template.calls, template.answer).texts()

    def tree(self, parts: AnswerParts) -> Node:
        """Return the tree of the envelope, or of text if the answer began as text: calls are then impossible."""
        if parts.continued:
            return parts.syntax.answer.alone()
        return parts.syntax.answer.around(_envelope_node(parts, scalar("string", parts.rules)))

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return the conversation as plain text turns: the assistant's text and calls in the envelope, and the results."""
        return tuple(_in_envelope(message, request.answer_schema is not None) for message in messages)

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return the tools and the envelope."""
        calls = "one or more calls" if request.parallel_tool_calls else "one call"
        result = (
            "your answer, as text"
            if request.answer_schema is None
            else f"your answer, a JSON value of the schema {dumps(request.answer_schema)}"
        )
        return (
            f"You can call these functions:\n\n{tools_as_text(request.tools, request.tool_notation)}\n\n"
            "Answer with one JSON object and nothing else. Think about the next step only, then either make "
            f"{calls}, whose results you will be given, or give the final result:\n"
            f'{{"{THOUGHT}": "...", "{STEP}": {{"{CALLS}": [{{"name": "...", "arguments": {{...}}}}]}}}}\n'
            f'{{"{THOUGHT}": "...", "{STEP}": {{"{RESULT}": ...}}}}\n'
            f'"{RESULT}" is {result}.'
        )


GENERIC = GenericStyle()


def _envelope_node(parts: AnswerParts, string: Expr) -> Node:
    """Return the envelope's tree. `string` is the grammar of a JSON string."""
    call = RegionNode(Region.TOOL_CALL, ChoiceNode(tuple(map(_call_node, parts.tools))))
    several = SequenceNode(
        (LiteralNode(f'"{CALLS}": ['), RepeatNode(call, ", ", 1, None if parts.parallel else 1), LiteralNode("]"))
    )
    text = RegionNode(Region.CONTENT, JsonNode('"', string), Transform.JSON_STRING_DECODE, stoppable=True)
    result = SequenceNode((LiteralNode(f'"{RESULT}": '), parts.content or text))
    return SequenceNode(
        (
            LiteralNode(f'{{"{THOUGHT}": '),
            RegionNode(Region.REASONING, JsonNode('"', string), Transform.JSON_STRING_DECODE),
            LiteralNode(f', "{STEP}": {{'),
            _one_of([*([several] if parts.tools else []), *([] if parts.required else [result])]),
            LiteralNode("}}"),
        )
    )


def _one_of(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else ChoiceNode(tuple(nodes))


def _call_node(tool: CallableTool) -> Node:
    return SequenceNode(
        (
            LiteralNode('{"name": "'),
            tool.named(LiteralNode(tool.name)),
            LiteralNode('", "arguments": '),
            tool.arguments_node(),
            LiteralNode("}"),
        )
    )


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


def _as_json(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": loads(call.arguments)}


def _result(content: str, is_json: bool) -> Any:
    if is_json:
        try:
            return loads(content)
        except ValueError:
            pass
    return content
