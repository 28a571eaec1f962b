"""Translation of requests to `/v1/responses` into chat requests.

Responses support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.translated import Notes, Translation
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openai.responses.conversation import ItemConversation
from promptweave.facade.openai.responses.tools import tool_choice_to_chat, tools_to_chat
from promptweave.facade.policy import responses
from promptweave.facade.policy.rules import apply_field_rules

_AS_IN_CHAT = ("model", "parallel_tool_calls", "prompt_cache_key", "temperature", "top_p")
"""OpenAI's fields that are the same in both."""

_LOGPROBS = "message.output_text.logprobs"
_INCLUDED = (
    "reasoning.encrypted_content",
    _LOGPROBS,
    # Only items of unsupported tools have these.
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("computer_call_output.output.image_url", "code_interpreter_call.outputs", "message.input_image.image_url"),
)

_ORIGINS: Mapping[str, Origin] = {
    "/messages": Origin("/input", whole=True),
    "/max_completion_tokens": Origin("/max_output_tokens"),
    "/reasoning_effort": Origin("/reasoning/effort"),
    "/response_format": Origin("/text/format"),
}
"""Fields of the chat request that have another name in the request for a response."""


def check_served(body: ResponsesBody, notes: Notes) -> None:
    """Warn of fields that are left out. Raises UnsupportedError for those that are refused."""
    apply_field_rules(body, responses.FIELDS, notes.warn)
    for place, name in enumerate(body.include):
        if name not in _INCLUDED:
            notes.warn("not_applied", f"/include/{place}", f"{name!r} is not a supported value of include")


def to_chat(raw: Mapping[str, Any], body: ResponsesBody, history: Sequence[JsonObject]) -> Translation:
    """Return the chat request. `history` holds the items before the input. Raises RequestError and UnsupportedError."""
    notes = Notes()
    check_served(body, notes)
    # Fields that OpenAI's description lacks are promptweave's or the engine's: chat completions check them.
    chat: JsonObject = {**(body.model_extra or {}), **{name: getattr(body, name) for name in _AS_IN_CHAT}}
    chat["messages"] = _messages(body, history, notes)
    chat["tools"] = tools_to_chat(body.tools, notes)
    chat["tool_choice"] = tool_choice_to_chat(body.tool_choice, notes)
    chat["max_completion_tokens"] = body.max_output_tokens
    if body.top_logprobs or _LOGPROBS in body.include:
        chat |= {"logprobs": True, "top_logprobs": body.top_logprobs or 0}
    chat["reasoning_effort"] = body.reasoning.effort
    chat["reasoning"] = body.reasoning.model_extra or {}
    if body.text.format is not None:
        # It is flat, which chat completions accept as well.
        chat["response_format"] = raw["text"]["format"]
    for made, origin in _ORIGINS.items():
        notes.places.add(made, origin)
    _warn_of_unapplied(body, history, notes)
    return notes.translation(read_body(ChatBody, chat))


def _messages(body: ResponsesBody, history: Sequence[JsonObject], notes: Notes) -> list[JsonObject]:
    conversation = ItemConversation(notes)
    if body.instructions is not None:
        conversation.add({"role": "system", "content": body.instructions}, Origin("/instructions", whole=True))
    for item in history:
        if not _is_cut_call(item):
            conversation.add(item, Origin("/previous_response_id", whole=True))
    if isinstance(body.input, str):
        conversation.add({"role": "user", "content": body.input}, Origin("/input", whole=True))
    else:
        for place, item in enumerate(body.input):
            conversation.add(item, Origin(f"/input/{place}"))
    return conversation.messages


def _is_cut_call(item: JsonObject) -> bool:
    """Return whether the item is a truncated call, which has no arguments that a template could contain."""
    return item["type"] in ("function_call", "custom_tool_call") and item["status"] == "incomplete"


def _warn_of_unapplied(body: ResponsesBody, history: Sequence[JsonObject], notes: Notes) -> None:
    """Warn of fields that are accepted, since clients always send them, but have no effect; and of items that are left
    out."""
    if body.truncation == "auto":
        why = "truncation is not applied; a conversation that exceeds the context is rejected"
        notes.warn("not_applied", "/truncation", why)
    if body.reasoning.summary or body.reasoning.generate_summary:
        why = "reasoning is not summarized; reasoning items contain all of it"
        notes.warn("not_applied", "/reasoning/summary", why)
    for place, tool in enumerate(body.tools):
        if tool.get("output_schema") is not None:
            why = "tool output is not validated against output_schema"
            notes.warn("not_applied", f"/tools/{place}/output_schema", why)
    if any(map(_is_cut_call, history)):
        notes.warn("call_left_out", "/previous_response_id", "a truncated call is omitted from the conversation")
