"""Translation of requests to `/v1/responses` into chat requests.

Responses support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.foreign_fields import FOREIGN_FIELDS
from promptweave.facade.openai.chat.request.translated import Notes, Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.conversation import ItemConversation
from promptweave.facade.openai.responses.request.tool_choice import tool_choice_to_chat
from promptweave.facade.openai.responses.request.tools import tools_to_chat
from promptweave.facade.openai.sampling import SAMPLING_FIELDS
from promptweave.facade.policy import chat as chat_policy
from promptweave.facade.policy import responses
from promptweave.facade.policy.responses import HOUSEKEEPING
from promptweave.facade.policy.rules import apply_field_rules, first_steps, warn_of_unknown_fields

_AS_IN_CHAT = ("model", "parallel_tool_calls", "prompt_cache_key", "temperature", "top_p")
"""OpenAI's fields that are the same in both."""

_KNOWN = (
    SAMPLING_FIELDS
    | FOREIGN_FIELDS
    | HOUSEKEEPING
    | first_steps((*responses.FIELDS, *chat_policy.FIELDS))
    | {*ResponsesBody.model_fields, *ChatBody.model_fields}
)
"""The fields that have an effect, or rules. Fields that only chat completions have are passed on."""

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
    "/verbosity": Origin("/text/verbosity"),
    "/response_format": Origin("/text/format"),
}
"""Fields of the chat request that have another name in the request for a response."""


def check_served(body: ResponsesBody, notes: Notes) -> None:
    """Warn of fields that are left out. Raises UnsupportedError for those that are refused."""
    apply_field_rules(body, responses.FIELDS, notes.warn)
    warn_of_unknown_fields(body.model_extra or {}, _KNOWN, notes.warn)
    for place, name in enumerate(body.include):
        if name not in _INCLUDED:
            notes.warn("not_applied", f"/include/{place}", f"{name!r} is not a supported value of include")


def to_chat(raw: Mapping[str, Any], body: ResponsesBody, history: Sequence[JsonObject]) -> Translation:
    """Return the chat request. `history` holds the items before the input. Raises RequestError and UnsupportedError."""
    notes = Notes()
    check_served(body, notes)
    # Fields that OpenAI's description lacks are promptweave's or the engine's: chat completions check them.
    chat: JsonObject = {**(body.model_extra or {}), **{name: getattr(body, name) for name in _AS_IN_CHAT}}
    for made, origin in _ORIGINS.items():
        notes.places.add(made, origin)
    conversation = _conversation(body, history, notes)
    chat["messages"] = conversation.messages
    chat["tools"] = tools_to_chat(body.tools, notes)
    chat["tool_choice"] = tool_choice_to_chat(body.tool_choice, chat["tools"], notes)
    chat["max_completion_tokens"] = body.max_output_tokens
    if body.top_logprobs or _LOGPROBS in body.include:
        chat |= {"logprobs": True, "top_logprobs": body.top_logprobs or 0}
    chat["reasoning_effort"] = body.reasoning.effort
    chat["verbosity"] = body.text.verbosity
    chat["reasoning"] = body.reasoning.model_extra or {}
    if body.text.format is not None:
        # It is flat, which chat completions accept as well.
        chat["response_format"] = raw["text"]["format"]
    chat |= conversation.configuration
    _warn_of_unapplied(body, notes)
    return notes.translation(read_body(ChatBody, chat))


def _conversation(body: ResponsesBody, history: Sequence[JsonObject], notes: Notes) -> ItemConversation:
    conversation = ItemConversation(notes)
    if body.instructions is not None:
        conversation.add({"role": "system", "content": body.instructions}, Origin("/instructions", whole=True))
    before = "/previous_response_id" if body.conversation is None else "/conversation"
    for item in history:
        conversation.add(item, Origin(before, whole=True))
    if isinstance(body.input, str):
        conversation.add({"role": "user", "content": body.input}, Origin("/input", whole=True))
    else:
        for place, item in enumerate(body.input):
            conversation.add(item, Origin(f"/input/{place}"))
    if all(message.keys() <= {"role", "tools"} for message in conversation.messages):
        notes.warn("input_empty", "/input", "the input is empty; an empty user message is added")
        conversation.add({"role": "user", "content": ""}, Origin("/input", whole=True))
    return conversation


def _warn_of_unapplied(body: ResponsesBody, notes: Notes) -> None:
    """Warn of fields that are accepted, since clients always send them, but have no effect."""
    if body.truncation == "auto":
        why = "truncation is not applied; a conversation that exceeds the context is rejected"
        notes.warn("not_applied", "/truncation", why)
