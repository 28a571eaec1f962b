"""Items of the Responses API as messages of a chat request."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import Kind, read_body
from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.responses.request.compaction import summary_message
from promptweave.facade.openai.responses.request.hosted_calls import HOSTED_CALLS, HOSTED_OUTPUTS, hosted_output
from promptweave.facade.openai.responses.request.item_body import (
    AdditionalToolsItem,
    CallOutputItem,
    CompactionItem,
    ConfigurationUpdateItem,
    Content,
    CustomCallItem,
    FunctionCallItem,
    ItemPart,
    MessageItem,
    ReasoningItem,
    ToolSearchCallItem,
    ToolSearchOutputItem,
)
from promptweave.facade.openai.responses.request.items import item_type
from promptweave.facade.openai.responses.request.tools import TOOL_SEARCH, message_tools_to_chat
from promptweave.facade.policy.responses import ITEM_HOUSEKEEPING, ITEMS
from promptweave.facade.policy.roles import known_role
from promptweave.facade.policy.rules import known_fields, once, warn_of_unknown_fields

_ROLES = ("user", "assistant", "system", "developer")
_RESULTS = ("tool", "function")

_THINKS, _SPEAKS, _CALLS = range(3)
_FOLLOWS = {_THINKS: (_THINKS, _SPEAKS, _CALLS), _SPEAKS: (_CALLS,), _CALLS: (_CALLS,)}
"""The stages that can follow each stage within one message of the model."""


class ItemConversation:
    """Builds chat messages from items: consecutive items of the model become one message."""

    def __init__(self, notes: Notes) -> None:
        self.messages: list[JsonObject] = []
        self.configuration: JsonObject = {}
        """Fields of the chat request that items replace."""
        self._notes = notes
        self._warn_once = once(notes.warn)
        self._places = notes.places
        self._stage: int | None = None
        """The stage of the last message, if it is the model's."""

    def add(self, item: JsonObject, origin: Origin) -> None:
        """Add an item. Those that are not served are left out, with a warning. Raises RequestError."""
        kind = item_type(item, origin.path)
        _ITEMS.get(kind, ItemConversation._leave_out)(self, item, origin)

    def _read(self, kind: type[Kind], item: JsonObject, origin: Origin) -> Kind:
        """Parse an item, and warn of fields that its type does not have. Raises RequestError."""
        body = read_body(kind, item, origin.path)
        if not origin.whole:  # Items that are stored had their warnings when they were sent.
            known = known_fields(kind) | ITEM_HOUSEKEEPING
            warn_of_unknown_fields(body.model_extra or {}, known, self._warn_once, origin.path)
        return body

    def _leave_out(self, item: JsonObject, origin: Origin) -> None:
        kind = item_type(item, origin.path)
        why = ITEMS[kind].why if kind in ITEMS else "the type is unknown"
        self._notes.warn("item_left_out", origin.path, f"items of type {kind!r} are left out: {why}")

    def _add_message(self, item: JsonObject, origin: Origin) -> None:
        message = self._read(MessageItem, item, origin)
        if message.role in _RESULTS:  # A message of chat completions.
            self._output(message.tool_call_id, _content(message.content), origin, "/content")
            return
        role = known_role(message.role, _ROLES, self._notes.warn, origin.below("/role").path)
        place = self._speaker(role, _SPEAKS, origin)
        self.messages[-1]["content"] = _content(message.content)
        self._place_content(f"{place}/content", origin.below("/content"))

    def _add_reasoning(self, item: JsonObject, origin: Origin) -> None:
        thought = self._thought(self._read(ReasoningItem, item, origin), origin)
        if not thought:
            return
        place = self._speaker("assistant", _THINKS, origin)
        before = self.messages[-1].get("reasoning_content")
        self.messages[-1]["reasoning_content"] = f"{before}\n\n{thought}" if before else thought
        self._places.add(f"{place}/reasoning_content", Origin(origin.path, whole=True))

    def _thought(self, item: ReasoningItem, origin: Origin) -> str:
        """Return the reasoning in the fullest of an item's fields; empty if there is none."""
        if not item.content and item.encrypted_content is not None:
            try:
                return base64.b64decode(item.encrypted_content, validate=True).decode()
            except ValueError:
                why = "another provider encrypted this reasoning; it is left out"
                self._notes.warn("item_left_out", origin.below("/encrypted_content").path, why)
        field = "content" if item.content else "summary"
        return "\n\n".join(self._thoughts(getattr(item, field), origin.below(f"/{field}")))

    def _thoughts(self, content: Content, origin: Origin) -> Iterator[str]:
        """Yield the texts of reasoning. Other parts are left out, with a warning."""
        if isinstance(content, str):
            yield content
            return
        for place, part in enumerate(content):
            if part.text:
                yield part.text
            elif part.type not in _TEXTS:
                why = f"content parts of type {part.type!r} are not supported in reasoning"
                self._notes.warn("part_left_out", origin.below(f"/{place}").path, why)

    def _add_function_call(self, item: JsonObject, origin: Origin) -> None:
        call = self._read(FunctionCallItem, item, origin)
        called = {"name": call.name, "arguments": _json(call.arguments, origin)}
        self._call(call.call_id, "function", called, origin, call.namespace)

    def _add_custom_call(self, item: JsonObject, origin: Origin) -> None:
        call = self._read(CustomCallItem, item, origin)
        self._call(call.call_id, "custom", {"name": call.name, "input": call.input}, origin, call.namespace)

    def _add_hosted_call(self, item: JsonObject, origin: Origin) -> None:
        call = HOSTED_CALLS[item["type"]](item)
        id = str(item.get("call_id") or item.get("id") or "")
        called = {"name": call.name, "arguments": _json(call.arguments, origin)}
        self._call(id, "function", called, Origin(origin.path, whole=True), call.namespace)
        if call.output is not None:
            self._output(id or None, call.output, origin, "")

    def _add_hosted_output(self, item: JsonObject, origin: Origin) -> None:
        id = item.get("call_id") or item.get("id")
        self._output(str(id) if id else None, hosted_output(item), origin, "/output")

    def _add_search(self, item: JsonObject, origin: Origin) -> None:
        call = self._read(ToolSearchCallItem, item, origin)
        called = {"name": TOOL_SEARCH, "arguments": _json(call.arguments, origin)}
        self._call(call.call_id, "function", called, origin)

    def _add_found_tools(self, item: JsonObject, origin: Origin) -> None:
        found = self._read(ToolSearchOutputItem, item, origin)
        place = self._speaker("tool", _SPEAKS, origin)
        tools = message_tools_to_chat(found.tools, self._notes, place, origin, found=True)
        content = [*_namespaces(found.tools), *map(_reference, tools)] or [{"type": "text", "text": "No tool was found."}]
        self.messages[-1].update(tool_call_id=found.call_id, content=content, tools=tools)

    def _add_tools(self, item: JsonObject, origin: Origin) -> None:
        more = self._read(AdditionalToolsItem, item, origin)
        place = self._speaker("developer", _SPEAKS, origin)
        self.messages[-1]["tools"] = message_tools_to_chat(more.tools, self._notes, place, origin)

    def _update_configuration(self, item: JsonObject, origin: Origin) -> None:
        update = self._read(ConfigurationUpdateItem, item, origin)
        if update.reasoning.effort is not None:
            self.configuration["reasoning_effort"] = update.reasoning.effort
            self._places.add("/reasoning_effort", origin.below("/reasoning/effort"))
        if update.text.format is not None:
            self.configuration["response_format"] = item["text"]["format"]
            self._places.add("/response_format", origin.below("/text/format"))

    def _add_compaction(self, item: JsonObject, origin: Origin) -> None:
        summary = summary_message(self._read(CompactionItem, item, origin).encrypted_content)
        if summary is None:
            why = "another provider compacted this part of the conversation; it is left out"
            self._notes.warn("item_left_out", origin.path, why)
            return
        self._speaker("user", _SPEAKS, origin)
        self.messages[-1]["content"] = summary

    def _add_call_output(self, item: JsonObject, origin: Origin) -> None:
        output = self._read(CallOutputItem, item, origin)
        content = output.output
        made = json_text(content, origin.path) if isinstance(content, dict) else _content(content)
        self._output(output.call_id, made, origin, "/output")

    def _output(self, id: str | None, content: str | list[JsonObject], origin: Origin, field: str) -> None:
        place = self._speaker("tool", _SPEAKS, origin)
        self.messages[-1].update(tool_call_id=id, content=content)
        self._place_content(f"{place}/content", origin.below(field))
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

    def _call(self, id: str, kind: str, called: JsonObject, origin: Origin, namespace: str = "") -> None:
        place = self._speaker("assistant", _CALLS, origin)
        calls = self.messages[-1].setdefault("tool_calls", [])
        place = f"{place}/tool_calls/{len(calls)}"
        calls.append({"id": id, "type": kind, kind: called, "namespace": namespace})
        self._places.add(place, origin)
        self._places.add(f"{place}/id", origin.below("/call_id"))
        self._places.add(f"{place}/{kind}", origin)


_ITEMS: Mapping[str, Callable[[ItemConversation, JsonObject, Origin], None]] = {
    "message": ItemConversation._add_message,
    "reasoning": ItemConversation._add_reasoning,
    "function_call": ItemConversation._add_function_call,
    "function_call_output": ItemConversation._add_call_output,
    "custom_tool_call": ItemConversation._add_custom_call,
    "custom_tool_call_output": ItemConversation._add_call_output,
    "tool_search_call": ItemConversation._add_search,
    "tool_search_output": ItemConversation._add_found_tools,
    "additional_tools": ItemConversation._add_tools,
    "compaction": ItemConversation._add_compaction,
    "configuration_update": ItemConversation._update_configuration,
    **dict.fromkeys(HOSTED_CALLS, ItemConversation._add_hosted_call),
    **dict.fromkeys(HOSTED_OUTPUTS, ItemConversation._add_hosted_output),
}
"""Type of an item → what adds it to the conversation. Others are left out."""


def _json(arguments: Any, origin: Origin) -> str:
    return arguments if isinstance(arguments, str) else json_text({} if arguments is None else arguments, origin.path)


def _namespaces(tools: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Yield content parts with the descriptions of namespaces."""
    for tool in tools:
        if tool.get("type") == "namespace" and tool.get("description"):
            yield {"type": "text", "text": f"{tool['name']}: {tool['description']}\n"}


def _reference(tool: JsonObject) -> JsonObject:
    """Return the part of a message's content that shows a tool to the model."""
    return {"type": "tool_reference", "tool_name": tool[tool["type"]]["name"], "namespace": tool.get("namespace", "")}


def _content(content: Content) -> str | list[JsonObject]:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: ItemPart) -> JsonObject:
    # Chat requests leave out parts of other types, with a warning.
    return _PARTS.get(part.type, _other)(part)


def _text(part: ItemPart) -> JsonObject:
    return {"type": "text", "text": part.text}


def _refusal(part: ItemPart) -> JsonObject:
    return {"type": "refusal", "refusal": part.refusal}


def _image(part: ItemPart) -> JsonObject:
    return _other(part) if part.image_url is None else {"type": "image_url", "image_url": {"url": part.image_url}}


def _other(part: ItemPart) -> JsonObject:
    return {"type": part.type, "text": part.text}


_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
"""Types of parts that are text."""

_PARTS: Mapping[str, Callable[[ItemPart], JsonObject]] = {
    **dict.fromkeys(_TEXTS, _text),
    "refusal": _refusal,
    "input_image": _image,
}
"""Type of a part → the part of a chat message's content."""
