"""Translation of requests to `/v1/messages` into chat requests.

Messages support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.facade.anthropic.body import (
    CountBody,
    ImageBlock,
    MessageBody,
    MessagesBody,
    TextBlock,
    ThinkingBlock,
    ToolBody,
    ToolChoiceBody,
    ToolResultBlock,
    ToolUseBlock,
)
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.bodies.unsupported import MESSAGES, refuse_unserved
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.translated import Translation
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

JsonObject = dict[str, Any]

_AS_IN_CHAT = (
    *(field.name for field in inference_pb2.Sampling.DESCRIPTOR.fields),
    *("model", "chat_template_kwargs", "tool_style", "schema_style", "parse_special_in_content"),
    *("session_id", "parent_session_id", "fast_forward"),
)
"""Fields with the same name in chat completions; most of them are promptweave's additions to Anthropic's API."""


def to_chat(raw: Mapping[str, Any], body: CountBody) -> Translation:
    """Return the chat request. Raises RequestError and UnsupportedError."""
    refuse_unserved(raw, MESSAGES)
    places = SourceMap()
    chat: JsonObject = {name: raw[name] for name in _AS_IN_CHAT if name in raw}
    conversation = _Conversation(places)
    conversation.system(body.system)
    for number, message in enumerate(body.messages):
        conversation.add(message, f"/messages/{number}")
    chat["messages"] = conversation.messages
    # An assistant message at the end is a prefix that the response continues.
    chat["continue_final_message"] = bool(body.messages) and body.messages[-1].role == "assistant"
    chat["tools"] = [_tool(tool, f"/tools/{place}", places) for place, tool in enumerate(body.tools)]
    if body.tool_choice is not None:
        chat["tool_choice"] = _tool_choice(body.tool_choice)
        chat["parallel_tool_calls"] = not body.tool_choice.disable_parallel_tool_use
        places.add("/tool_choice/function", Origin("/tool_choice"))
    if body.thinking is not None and body.thinking.budget_tokens is not None:
        chat["thinking_budget_tokens"] = body.thinking.budget_tokens
    if body.thinking is not None and body.thinking.type == "disabled":
        chat["reasoning_effort"] = "none"
    elif body.output_config.effort is not None:
        chat["reasoning_effort"] = body.output_config.effort
    if (wanted := body.output_config.format) is not None:
        chat["response_format"] = {"type": "json_schema", "schema": wanted.schema_, "strict": True}
    if isinstance(body, MessagesBody):
        chat["max_completion_tokens"], chat["stop"] = body.max_tokens, body.stop_sequences
    places.add("/max_completion_tokens", Origin("/max_tokens"))
    places.add("/stop", Origin("/stop_sequences"))
    places.add("/thinking_budget_tokens", Origin("/thinking/budget_tokens"))
    places.add("/reasoning_effort", Origin("/output_config/effort"))
    places.add("/response_format", Origin("/output_config/format"))
    return Translation(read_body(ChatBody, chat), chat, places, conversation.warnings)


class _Conversation:
    """Builds chat messages from messages with blocks."""

    def __init__(self, places: SourceMap) -> None:
        self.messages: list[JsonObject] = []
        self.warnings: list[prompt_compiler_pb2.Warning] = []
        self._places = places

    def system(self, given: str | Sequence[JsonObject]) -> None:
        """Add the system prompt."""
        if not given:
            return
        message = self._begin("system", Origin("/system", whole=True))
        if isinstance(given, str):
            message["content"] = given
        else:
            self._add_parts(given, "/system")

    def add(self, message: MessageBody, path: str) -> None:
        """Add a message. Raises RequestError and UnsupportedError."""
        if isinstance(message.content, str):
            self._begin(message.role, Origin(path))["content"] = message.content
            return
        add = self._said if message.role == "assistant" else self._asked
        for place, block in enumerate(message.content):
            add(_kind(block, f"{path}/content/{place}"), block, f"{path}/content/{place}")
        if not message.content:
            self._begin(message.role, Origin(path))["content"] = ""
        self._open = False

    _open = False
    """Whether the last chat message takes further blocks of the message that it is built from."""

    def _asked(self, kind: str, block: JsonObject, path: str) -> None:
        if kind != "tool_result":
            if not self._open:
                self._begin("user", Origin(path, whole=True))["content"] = []
            self._open = True
            self._add_part(kind, block, path)
            return
        self._open = False
        result = read_body(ToolResultBlock, block, path)
        # Chat messages have no other way to mark an error.
        begun: list[JsonObject] = [{"type": "text", "text": "Error: "}] if result.is_error else []
        self._begin("tool", Origin(path)).update(tool_call_id=result.tool_use_id, content=begun)
        if isinstance(result.content, str):
            begun.append({"type": "text", "text": result.content})
        else:
            self._add_parts(result.content, f"{path}/content")
        self._places.add(f"{self._last()}/tool_call_id", Origin(f"{path}/tool_use_id"))

    def _said(self, kind: str, block: JsonObject, path: str) -> None:
        # Reasoning and text precede the calls; whatever follows a call begins a new message.
        if not self._open or (kind != "tool_use" and self.messages[-1].get("tool_calls")):
            self._begin("assistant", Origin(path, whole=True))
        self._open = True
        message = self.messages[-1]
        match kind:
            case "thinking":
                thought = read_body(ThinkingBlock, block, path).thinking
                message["reasoning_content"] = message.get("reasoning_content", "") + thought
            case "redacted_thinking":
                why = "redacted thinking is omitted, because it cannot be decrypted here"
                self.warnings.append(prompt_compiler_pb2.Warning(code="not_applied", path=path, message=why))
            case "tool_use":
                call = read_body(ToolUseBlock, block, path)
                calls = message.setdefault("tool_calls", [])
                place = f"{self._last()}/tool_calls/{len(calls)}"
                arguments = json.dumps(call.input, ensure_ascii=False)
                calls.append({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
                self._places.add(place, Origin(path))
                self._places.add(f"{place}/function", Origin(path))
                self._places.add(f"{place}/function/arguments", Origin(f"{path}/input", whole=True))
            case _:
                self._add_part(kind, block, path)

    def _add_parts(self, blocks: Sequence[JsonObject], path: str) -> None:
        for place, block in enumerate(blocks):
            self._add_part(_kind(block, f"{path}/{place}"), block, f"{path}/{place}")

    def _add_part(self, kind: str, block: JsonObject, path: str) -> None:
        """Append a part to the last message's content."""
        content = self.messages[-1].setdefault("content", [])
        place = f"{self._last()}/content/{len(content)}"
        content.append(_part(kind, block, path))
        self._places.add(place, Origin(path, whole=True))
        if kind == "image":
            self._places.add(f"{place}/image_url", Origin(f"{path}/source", whole=True))

    def _begin(self, role: str, origin: Origin) -> JsonObject:
        self.messages.append({"role": role})
        self._places.add(self._last(), origin)
        return self.messages[-1]

    def _last(self) -> str:
        return f"/messages/{len(self.messages) - 1}"


def _kind(block: Mapping[str, Any], path: str) -> str:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise RequestError("a block requires a type, which must be a string", path=f"{path}/type")
    return kind


def _part(kind: str, block: JsonObject, path: str) -> JsonObject:
    """Convert a block to a part of a chat message's content."""
    if kind == "text":
        return {"type": "text", "text": read_body(TextBlock, block, path).text}
    if kind == "image":
        source = read_body(ImageBlock, block, path).source
        url = source.url if source.type == "url" else f"data:{source.media_type};base64,{source.data}"
        return {"type": "image_url", "image_url": {"url": url}}
    raise UnsupportedError(f"blocks of type {kind!r} are not supported here", path=f"{path}/type")


def _tool(tool: ToolBody, path: str, places: SourceMap) -> JsonObject:
    if tool.type != "custom":
        raise UnsupportedError(
            f"server tools of type {tool.type!r} are not supported; send a tool with an input_schema", path=f"{path}/type"
        )
    places.add(f"{path}/function", Origin(path))
    places.add(f"{path}/function/parameters", Origin(f"{path}/input_schema"))
    function: JsonObject = {"name": tool.name, "description": tool.description, "strict": tool.strict}
    return {"type": "function", "function": {**function, "parameters": tool.input_schema}}


def _tool_choice(choice: ToolChoiceBody) -> Any:
    if choice.type != "tool":
        return {"any": "required"}.get(choice.type, choice.type)
    if not choice.name:
        raise RequestError("tool_choice of type 'tool' requires a tool name", path="/tool_choice/name")
    return {"type": "function", "function": {"name": choice.name}}
