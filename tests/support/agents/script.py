"""What a scripted model does, and how a request is changed so that any model does it.

Each request of a client asks for a turn. The number of tool results in it says which step comes next: a call, which the
request is then made to force, by a named tool choice and a schema of `const` values; and in the end a text. Everything else
in the request stays as the client wrote it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

JsonObject = dict[str, Any]

DONE = "The script is done."


@dataclass(frozen=True)
class Call:
    """A call of a tool of the client. Custom tools take a text in place of an object."""

    name: str
    arguments: JsonObject | str
    namespace: str = ""
    ends_the_task: bool = False
    """Whether the client asks for no turn after it."""

    def at(self, folder: str) -> "Call":
        """The call with the client's folder in place of `{work}`."""
        arguments = json.loads(json.dumps(self.arguments).replace("{work}", folder))
        return replace(self, arguments=arguments)


class NoSuchToolError(Exception):
    """The client does not offer the tool of the next step."""


@dataclass(frozen=True)
class Script:
    """The calls, in order; then `DONE`. `texts` answer requests without tools, in order, the last one again and again.

    With `is_verbatim` these are written as they are, and else as JSON strings; only chat completions can do the first.
    """

    calls: Sequence[Call]
    texts: Sequence[str] = ("A scripted task.",)
    is_verbatim: bool = False


def change(path: str, body: JsonObject, script: Script, texts_before: int) -> str:
    """Changes a request so that it gets the script's next step; returns what that is. Raises NoSuchToolError.

    `texts_before`: how many requests without tools came before.
    """
    wire = next(wire for end, wire in WIRES.items() if path.partition("?")[0].endswith(end))
    results = wire.count_results(body)
    if not [*wire.tools(body)]:
        text = script.texts[min(texts_before, len(script.texts) - 1)]
        wire.force_text(body, text, is_verbatim=script.is_verbatim)
        return f"text {text[:30]!r}"
    if results >= len(script.calls):
        wire.force_text(body, DONE, is_verbatim=False)
        return "the end"
    call = script.calls[results]
    tool = next(
        (tool for namespace, tool in wire.tools(body) if (namespace, wire.name(tool)) == (call.namespace, call.name)), None
    )
    if tool is None:
        offered = [
            f"{namespace}/{wire.name(tool)}" if namespace else wire.name(tool) for namespace, tool in wire.tools(body)
        ]
        raise NoSuchToolError(f"step {results} calls {call.namespace}/{call.name}, but the client offers {offered}")
    wire.force_call(body, tool, call)
    return f"call {call.name}"


def _only(arguments: JsonObject) -> JsonObject:
    """A schema that admits these arguments and no others."""
    return {
        "type": "object",
        "properties": {name: {"const": value} for name, value in arguments.items()},
        "required": [*arguments],
        "additionalProperties": False,
    }


def _literal_grammar(text: str) -> JsonObject:
    """A Lark grammar that admits this text and no other."""
    return {"type": "grammar", "syntax": "lark", "definition": f"start: {json.dumps(text)}"}


class Chat:
    """`/v1/chat/completions`."""

    def count_results(self, body: JsonObject) -> int:
        return sum(message["role"] == "tool" or self._is_observation(message) for message in body["messages"])

    def _is_observation(self, message: JsonObject) -> bool:
        """Returns whether it is a result as smolagents sends it, in a message of the user."""
        return message["role"] == "user" and '"Observation:' in json.dumps(message["content"])

    def tools(self, body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
        yield from (("", tool) for tool in body.get("tools") or [])

    def name(self, tool: JsonObject) -> str:
        return str(tool[tool["type"]]["name"])

    def force_call(self, body: JsonObject, tool: JsonObject, call: Call) -> None:
        assert isinstance(call.arguments, dict)
        tool["function"]["parameters"] = _only(call.arguments)
        body["tool_choice"] = {"type": "function", "function": {"name": call.name}}

    def force_text(self, body: JsonObject, text: str, *, is_verbatim: bool) -> None:
        if is_verbatim:
            grammar = {"syntax": "lark", "definition": f"start: {json.dumps(text)}"}
            body["response_format"] = {"type": "grammar", "grammar": grammar}
        else:
            schema = {"name": "text", "strict": True, "schema": {"const": text}}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if body.get("tools"):
            body["tool_choice"] = "none"


class Responses:
    """`/v1/responses`."""

    def count_results(self, body: JsonObject) -> int:
        items = body["input"] if isinstance(body["input"], list) else []
        return sum(str(item.get("type", "")).endswith(("call_output", "tool_search_output")) for item in items)

    def tools(self, body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
        items = body["input"] if isinstance(body["input"], list) else []
        more = [tool for item in items if item.get("type") == "additional_tools" for tool in item["tools"]]
        for tool in [*(body.get("tools") or []), *more]:
            if tool["type"] == "namespace":
                yield from ((tool["name"], inner) for inner in tool["tools"])
            else:
                yield "", tool

    def name(self, tool: JsonObject) -> str:
        return str(tool.get("name", tool["type"]))

    def force_call(self, body: JsonObject, tool: JsonObject, call: Call) -> None:
        if isinstance(call.arguments, str):
            tool["format"] = _literal_grammar(call.arguments)
        else:
            tool["parameters"] = _only(call.arguments)
        namespace = {"namespace": call.namespace} if call.namespace else {}
        body["tool_choice"] = {"type": tool["type"], "name": call.name, **namespace}

    def force_text(self, body: JsonObject, text: str, *, is_verbatim: bool) -> None:
        assert not is_verbatim
        format = {"type": "json_schema", "name": "text", "strict": True, "schema": {"const": text}}
        body["text"] = {**(body.get("text") or {}), "format": format}
        if [*self.tools(body)]:
            body["tool_choice"] = "none"


class Messages:
    """`/v1/messages`."""

    def count_results(self, body: JsonObject) -> int:
        contents = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
        return sum(block["type"] == "tool_result" for content in contents for block in content)

    def tools(self, body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
        yield from (("", tool) for tool in body.get("tools") or [])

    def name(self, tool: JsonObject) -> str:
        return str(tool["name"])

    def force_call(self, body: JsonObject, tool: JsonObject, call: Call) -> None:
        assert isinstance(call.arguments, dict)
        tool["input_schema"] = _only(call.arguments)
        body["tool_choice"] = {"type": "tool", "name": call.name}

    def force_text(self, body: JsonObject, text: str, *, is_verbatim: bool) -> None:
        assert not is_verbatim
        format = {"type": "json_schema", "schema": {"const": text}}
        body["output_config"] = {**(body.get("output_config") or {}), "format": format}
        if body.get("tools"):
            body["tool_choice"] = {"type": "none"}


WIRES: dict[str, Chat | Responses | Messages] = {
    "/chat/completions": Chat(),
    "/responses": Responses(),
    "/messages": Messages(),
}
"""By the end of their paths."""
