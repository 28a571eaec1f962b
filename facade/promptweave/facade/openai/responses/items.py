"""Items of the Responses API: conversations as chat messages, and items as the store keeps and lists them."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any

from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.responses.body import (
    CallOutputItem,
    Content,
    CustomCallItem,
    FunctionCallItem,
    ItemReference,
    MessageItem,
    Part,
    ReasoningItem,
)

JsonObject = dict[str, Any]

_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}
"""The supported kinds of items, and the prefixes of their ids."""

REFERENCE = "item_reference"

_THINKS, _SPEAKS, _CALLS = range(3)
_FOLLOWS = {_THINKS: (_THINKS, _SPEAKS, _CALLS), _SPEAKS: (_CALLS,), _CALLS: (_CALLS,)}
"""The stages that can follow each stage within one message of the model."""


def new_id(kind: str) -> str:
    """Return a new id for an item, or for a `response`."""
    return f"{_PREFIXES.get(kind, 'resp')}_{secrets.token_hex(16)}"


def item_type(item: Mapping[str, Any], path: str) -> str:
    """Return an item's kind, which clients may leave out. Raises RequestError and UnsupportedError."""
    kind = item.get("type")
    if kind is None:
        return "message" if "role" in item else REFERENCE
    if not isinstance(kind, str):
        raise RequestError("an item's type must be a string", path=f"{path}/type")
    if kind not in (*_PREFIXES, REFERENCE):
        served = ", ".join([*_PREFIXES, REFERENCE])
        raise UnsupportedError(f"items of type {kind!r} are not supported; supported types: {served}", path=f"{path}/type")
    return kind


def reference(item: Mapping[str, Any], path: str) -> str | None:
    """Return the id of the referenced item; None for another kind of item."""
    return read_body(ItemReference, item, path).id if item_type(item, path) == REFERENCE else None


def kept_item(item: Mapping[str, Any]) -> JsonObject:
    """Convert an input item to OpenAI's listed form: with an id, a status, and content in parts."""
    kind = item_type(item, "")
    kept = {"id": new_id(kind), **{key: value for key, value in item.items() if value is not None}, "type": kind}
    if kind == "message" and isinstance(kept.get("content"), str):
        text: JsonObject = {"type": "input_text", "text": kept["content"]}
        if kept["role"] == "assistant":
            text = {"type": "output_text", "text": kept["content"], "annotations": [], "logprobs": []}
        kept["content"] = [text]
    if kind == "reasoning":
        return {"summary": [], **kept}
    return {"status": "completed", **kept}


def encrypted(reasoning: str) -> str:
    """Encode reasoning as `encrypted_content`: opaque to clients, but not secret, since it is in `content` as well."""
    return base64.b64encode(reasoning.encode()).decode()


class Conversation:
    """Builds chat messages from items: consecutive items of the model become one message."""

    def __init__(self, places: SourceMap) -> None:
        self.messages: list[JsonObject] = []
        self._places = places
        self._stage: int | None = None
        """The stage of the last message, if it is the model's."""

    def add(self, item: Mapping[str, Any], origin: Origin) -> None:
        """Add an item. Raises RequestError and UnsupportedError."""
        path = origin.path
        match item_type(item, path):
            case "message":
                message = read_body(MessageItem, item, path)
                place = self._speaker(message.role, _SPEAKS, origin)
                self.messages[-1]["content"] = _content(message.content, f"{path}/content")
                self._place_content(f"{place}/content", origin.below("/content"))
            case "reasoning":
                if thought := _thought(read_body(ReasoningItem, item, path), path):
                    place = self._speaker("assistant", _THINKS, origin)
                    before = self.messages[-1].get("reasoning_content")
                    self.messages[-1]["reasoning_content"] = f"{before}\n\n{thought}" if before else thought
                    self._places.add(f"{place}/reasoning_content", Origin(path, whole=True))
            case "function_call":
                call = read_body(FunctionCallItem, item, path)
                self._call(call.call_id, "function", {"name": call.name, "arguments": call.arguments}, origin)
            case "custom_tool_call":
                custom = read_body(CustomCallItem, item, path)
                self._call(custom.call_id, "custom", {"name": custom.name, "input": custom.input}, origin)
            case _:
                output = read_body(CallOutputItem, item, path)
                place = self._speaker("tool", _SPEAKS, origin)
                content = _content(output.output, f"{path}/output")
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


def _content(content: Content, path: str) -> str | list[JsonObject]:
    if isinstance(content, str):
        return content
    return [_part(part, f"{path}/{place}") for place, part in enumerate(content)]


def _part(part: Part, path: str) -> JsonObject:
    if part.type in _TEXTS:
        return {"type": "text", "text": part.text}
    if part.type == "input_image":
        if part.image_url is None:
            raise UnsupportedError(
                "uploaded files are not supported; send the image in image_url, as a base64 data URL", path=path
            )
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    # The rest are refusals, or are refused by what this is passed on to.
    return {"type": part.type, "refusal": part.refusal}


def _thought(item: ReasoningItem, path: str) -> str:
    """Return the reasoning in the fullest of an item's fields; empty if there is none."""
    if not item.content and item.encrypted_content is not None:
        try:
            return base64.b64decode(item.encrypted_content, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            message = "this was not created by promptweave; omit encrypted_content, or send the reasoning in content"
            raise RequestError(message, path=f"{path}/encrypted_content") from None
    return "\n\n".join(part.text for part in item.content or item.summary)
