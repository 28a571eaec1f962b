"""Messages of Anthropic's API, with their blocks, as messages of a chat request."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.body import (
    ImageBlock,
    MessageBody,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.translated import Notes


class BlockConversation:
    """Builds chat messages from messages with blocks."""

    def __init__(self, notes: Notes) -> None:
        self.messages: list[JsonObject] = []
        self._notes = notes
        self._open = False
        """Whether the last chat message takes further blocks of the message that it is built from."""

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
        if not message.content or isinstance(message.content, str):
            self._begin(message.role, Origin(path))["content"] = message.content or ""
            return
        blocks, other = _BLOCKS[message.role]
        for number, block in enumerate(message.content):
            place = f"{path}/content/{number}"
            blocks.get(_kind(block, place), other)(self, block, place)
        self._open = False

    # -- blocks of the user --

    def _add_user_part(self, block: JsonObject, path: str) -> None:
        if not self._open:
            self._begin("user", Origin(path, whole=True))["content"] = []
        self._open = True
        self._add_part(block, path)

    def _add_tool_result(self, block: JsonObject, path: str) -> None:
        self._open = False
        result = read_body(ToolResultBlock, block, path)
        # Chat messages have no other way to mark an error.
        begun: list[JsonObject] = [{"type": "text", "text": "Error: "}] if result.is_error else []
        self._begin("tool", Origin(path)).update(tool_call_id=result.tool_use_id, content=begun)
        if isinstance(result.content, str):
            begun.append({"type": "text", "text": result.content})
        else:
            self._add_parts(result.content, f"{path}/content")
        self._notes.places.add(f"{self._last()}/tool_call_id", Origin(f"{path}/tool_use_id"))

    # -- blocks of the assistant: reasoning and text precede the calls; whatever follows a call begins a new message --

    def _continue_assistant(self, path: str, *, call: bool = False) -> JsonObject:
        """Return the message that takes the block at `path`."""
        if not self._open or (not call and self.messages[-1].get("tool_calls")):
            self._begin("assistant", Origin(path, whole=True))
        self._open = True
        return self.messages[-1]

    def _add_assistant_part(self, block: JsonObject, path: str) -> None:
        self._continue_assistant(path)
        self._add_part(block, path)

    def _add_thinking(self, block: JsonObject, path: str) -> None:
        message = self._continue_assistant(path)
        thought = read_body(ThinkingBlock, block, path).thinking
        message["reasoning_content"] = message.get("reasoning_content", "") + thought

    def _add_redacted_thinking(self, block: JsonObject, path: str) -> None:
        self._continue_assistant(path)
        self._notes.warn("not_applied", path, "redacted thinking is omitted, because it cannot be decrypted here")

    def _add_tool_use(self, block: JsonObject, path: str) -> None:
        calls = self._continue_assistant(path, call=True).setdefault("tool_calls", [])
        call = read_body(ToolUseBlock, block, path)
        place, places = f"{self._last()}/tool_calls/{len(calls)}", self._notes.places
        arguments = json.dumps(call.input, ensure_ascii=False)
        calls.append({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        places.add(place, Origin(path))
        places.add(f"{place}/function", Origin(path))
        places.add(f"{place}/function/arguments", Origin(f"{path}/input", whole=True))

    # -- parts of a content --

    def _add_parts(self, blocks: Sequence[JsonObject], path: str) -> None:
        for number, block in enumerate(blocks):
            self._add_part(block, f"{path}/{number}")

    def _add_part(self, block: JsonObject, path: str) -> None:
        """Append a part to the last message's content."""
        kind = _kind(block, path)
        if kind not in _PARTS:
            raise UnsupportedError(f"blocks of type {kind!r} are not supported here", path=f"{path}/type")
        content = self.messages[-1].setdefault("content", [])
        place, places = f"{self._last()}/content/{len(content)}", self._notes.places
        content.append(_PARTS[kind](block, path))
        places.add(place, Origin(path, whole=True))
        if kind == "image":
            places.add(f"{place}/image_url", Origin(f"{path}/source", whole=True))

    def _begin(self, role: str, origin: Origin) -> JsonObject:
        self.messages.append({"role": role})
        self._notes.places.add(self._last(), origin)
        return self.messages[-1]

    def _last(self) -> str:
        return f"/messages/{len(self.messages) - 1}"


AddBlock = Callable[[BlockConversation, JsonObject, str], None]

_BLOCKS: Mapping[str, tuple[Mapping[str, AddBlock], AddBlock]] = {
    "user": ({"tool_result": BlockConversation._add_tool_result}, BlockConversation._add_user_part),
    "assistant": (
        {
            "thinking": BlockConversation._add_thinking,
            "redacted_thinking": BlockConversation._add_redacted_thinking,
            "tool_use": BlockConversation._add_tool_use,
        },
        BlockConversation._add_assistant_part,
    ),
}
"""Role → what adds a block, by its type; and what adds one of any other type, as a part of the content."""


def _kind(block: Mapping[str, Any], path: str) -> str:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise RequestError("a block requires a type, which must be a string", path=f"{path}/type")
    return kind


def _text(block: JsonObject, path: str) -> JsonObject:
    return {"type": "text", "text": read_body(TextBlock, block, path).text}


def _image(block: JsonObject, path: str) -> JsonObject:
    source = read_body(ImageBlock, block, path).source
    url = source.url if source.type == "url" else f"data:{source.media_type};base64,{source.data}"
    return {"type": "image_url", "image_url": {"url": url}}


_PARTS: Mapping[str, Callable[[JsonObject, str], JsonObject]] = {"text": _text, "image": _image}
"""Type of a block → the part of a chat message's content."""
