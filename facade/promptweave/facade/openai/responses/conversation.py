"""Items of the Responses API as messages of a chat request."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.translated import Notes
from promptweave.facade.openai.responses.body import (
    CallOutputItem,
    Content,
    CustomCallItem,
    FunctionCallItem,
    MessageItem,
    Part,
    ReasoningItem,
)
from promptweave.facade.openai.responses.items import item_type

_THINKS, _SPEAKS, _CALLS = range(3)
_FOLLOWS = {_THINKS: (_THINKS, _SPEAKS, _CALLS), _SPEAKS: (_CALLS,), _CALLS: (_CALLS,)}
"""The stages that can follow each stage within one message of the model."""


class ItemConversation:
    """Builds chat messages from items: consecutive items of the model become one message."""

    def __init__(self, notes: Notes) -> None:
        self.messages: list[JsonObject] = []
        self._places = notes.places
        self._stage: int | None = None
        """The stage of the last message, if it is the model's."""

    def add(self, item: Mapping[str, Any], origin: Origin) -> None:
        """Add an item. Raises RequestError and UnsupportedError."""
        _ITEMS[item_type(item, origin.path)](self, item, origin)

    def _add_message(self, item: Mapping[str, Any], origin: Origin) -> None:
        message = read_body(MessageItem, item, origin.path)
        place = self._speaker(message.role, _SPEAKS, origin)
        self.messages[-1]["content"] = _content(message.content, f"{origin.path}/content")
        self._place_content(f"{place}/content", origin.below("/content"))

    def _add_reasoning(self, item: Mapping[str, Any], origin: Origin) -> None:
        thought = _thought(read_body(ReasoningItem, item, origin.path), origin.path)
        if not thought:
            return
        place = self._speaker("assistant", _THINKS, origin)
        before = self.messages[-1].get("reasoning_content")
        self.messages[-1]["reasoning_content"] = f"{before}\n\n{thought}" if before else thought
        self._places.add(f"{place}/reasoning_content", Origin(origin.path, whole=True))

    def _add_function_call(self, item: Mapping[str, Any], origin: Origin) -> None:
        call = read_body(FunctionCallItem, item, origin.path)
        self._call(call.call_id, "function", {"name": call.name, "arguments": call.arguments}, origin)

    def _add_custom_call(self, item: Mapping[str, Any], origin: Origin) -> None:
        call = read_body(CustomCallItem, item, origin.path)
        self._call(call.call_id, "custom", {"name": call.name, "input": call.input}, origin)

    def _add_call_output(self, item: Mapping[str, Any], origin: Origin) -> None:
        output = read_body(CallOutputItem, item, origin.path)
        place = self._speaker("tool", _SPEAKS, origin)
        content = _content(output.output, f"{origin.path}/output")
        self.messages[-1].update(tool_call_id=output.call_id, content=content)
        self._place_content(f"{place}/content", origin.below("/output"))
        self._places.add(f"{place}/tool_call_id", origin.below("/call_id"))

    def _place_content(self, made: str, origin: Origin) -> None:
        self._places.add(made, origin)
        content = self.messages[-1]["content"]
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] == "image_url":
                url = origin.below(f"/{place}/image_url")
                self._places.add(f"{made}/{place}/image_url", Origin(url.path, whole=True))

    def _speaker(self, role: str, stage: int, origin: Origin) -> str:
        """Return the position of the message for this item: a new one, unless it continues the model's last message."""
        if role != "assistant" or self._stage is None or stage not in _FOLLOWS[self._stage]:
            self.messages.append({"role": role})
            self._places.add(f"/messages/{len(self.messages) - 1}", Origin(origin.path, whole=True))
        self._stage = stage if role == "assistant" else None
        return f"/messages/{len(self.messages) - 1}"

    def _call(self, id: str, kind: str, called: JsonObject, origin: Origin) -> None:
        place = self._speaker("assistant", _CALLS, origin)
        calls = self.messages[-1].setdefault("tool_calls", [])
        place = f"{place}/tool_calls/{len(calls)}"
        calls.append({"id": id, "type": kind, kind: called})
        self._places.add(place, origin)
        self._places.add(f"{place}/id", origin.below("/call_id"))
        self._places.add(f"{place}/{kind}", origin)


_ITEMS: Mapping[str, Callable[[ItemConversation, Mapping[str, Any], Origin], None]] = {
    "message": ItemConversation._add_message,
    "reasoning": ItemConversation._add_reasoning,
    "function_call": ItemConversation._add_function_call,
    "function_call_output": ItemConversation._add_call_output,
    "custom_tool_call": ItemConversation._add_custom_call,
    "custom_tool_call_output": ItemConversation._add_call_output,
}
"""Type of an item → what adds it to the conversation."""


def _content(content: Content, path: str) -> str | list[JsonObject]:
    if isinstance(content, str):
        return content
    return [_part(part, f"{path}/{place}") for place, part in enumerate(content)]


def _part(part: Part, path: str) -> JsonObject:
    translate = _PARTS.get(part.type)
    # Other parts are refused, by their type, by what this is passed on to.
    return {"type": part.type} if translate is None else translate(part, path)


def _text(part: Part, path: str) -> JsonObject:
    return {"type": "text", "text": part.text}


def _refusal(part: Part, path: str) -> JsonObject:
    return {"type": "refusal", "refusal": part.refusal}


def _image(part: Part, path: str) -> JsonObject:
    if part.image_url is None:
        raise UnsupportedError(
            "uploaded files are not supported; send the image in image_url, as a base64 data URL", path=path
        )
    return {"type": "image_url", "image_url": {"url": part.image_url}}


_PARTS: Mapping[str, Callable[[Part, str], JsonObject]] = {
    **dict.fromkeys(("input_text", "output_text", "text", "summary_text", "reasoning_text"), _text),
    "refusal": _refusal,
    "input_image": _image,
}
"""Type of a part → the part of a chat message's content."""


def _thought(item: ReasoningItem, path: str) -> str:
    """Return the reasoning in the fullest of an item's fields; empty if there is none."""
    if not item.content and item.encrypted_content is not None:
        try:
            return base64.b64decode(item.encrypted_content, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            message = "this was not created by promptweave; omit encrypted_content, or send the reasoning in content"
            raise RequestError(message, path=f"{path}/encrypted_content") from None
    return "\n\n".join(part.text for part in item.content or item.summary)
