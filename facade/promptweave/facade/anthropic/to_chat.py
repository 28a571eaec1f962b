"""Translation of requests to `/v1/messages` into chat requests.

Messages support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.block_parts import warn_of_unknown_part_fields
from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.context_edits import EDITS
from promptweave.facade.anthropic.conversation import BlockConversation
from promptweave.facade.anthropic.tools import tool_choice_to_chat, tools_to_chat
from promptweave.facade.bodies.body import Body, read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.foreign_fields import FOREIGN_FIELDS
from promptweave.facade.openai.chat.request.translated import Notes, Translation
from promptweave.facade.policy import messages
from promptweave.facade.policy.rules import apply_field_rules, first_steps, known_fields, warn_of_unknown_fields
from promptweave.v1 import inference_pb2

_AS_IN_CHAT = (
    *(field.name for field in inference_pb2.Sampling.DESCRIPTOR.fields),
    *("model", "chat_template_kwargs", "tool_style", "schema_style", "parse_special_in_content"),
    *("session_id", "parent_session_id", "fast_forward", "repeated_calls", "think_first"),
)
"""Fields with the same name in chat completions; most of them are promptweave's additions to Anthropic's API."""

_FOREIGN = FOREIGN_FIELDS - {"extra_body"}
"""Fields of vLLM, SGLang and Ollama: clients believe in the constraints that they set, whatever the API."""

_ORIGINS: Mapping[str, str] = {
    "/max_completion_tokens": "/max_tokens",
    "/stop": "/stop_sequences",
    "/thinking_budget_tokens": "/thinking/budget_tokens",
    "/reasoning_effort": "/output_config/effort",
    "/reasoning/enabled": "/thinking/type",
}
"""Fields of the chat request that have another name in Anthropic's."""

_KNOWN = (
    known_fields(MessagesBody) | frozenset(_AS_IN_CHAT) | _FOREIGN | messages.HOUSEKEEPING | first_steps(messages.FIELDS)
)  # fmt: skip
"""Fields at the top of a request, also of one to count its tokens: clients send the same."""

_THINKING = frozenset({"enabled", "disabled", "adaptive"})
_DISPLAYS = frozenset({"summarized", "omitted", "updates"})


def to_chat(raw: Mapping[str, Any], body: CountBody) -> Translation:
    """Return the chat request. Raises RequestError and UnsupportedError."""
    notes = Notes()
    apply_field_rules(raw, messages.FIELDS, notes.warn)
    warn_of_unknown_fields(raw, _KNOWN, notes.warn)
    for part, path in _parts(body):
        warn_of_unknown_part_fields(part, notes.warn, path)
    chat: JsonObject = {name: raw[name] for name in (*_AS_IN_CHAT, *_FOREIGN) if name in raw}
    conversation = BlockConversation(notes)
    conversation.system(body.system)
    for number, message in enumerate(body.messages):
        conversation.add(message, f"/messages/{number}")
    chat["messages"] = conversation.messages
    chat["tools"] = tools_to_chat(body.tools, notes)
    if body.tool_choice is not None:
        chat["tool_choice"] = tool_choice_to_chat(body.tool_choice, body.tools, notes)
        chat["parallel_tool_calls"] = not body.tool_choice.disable_parallel_tool_use
    chat |= _reasoning(body, notes)
    if (wanted := body.output_config.format or body.output_format) is not None:
        chat["response_format"] = {"type": "json_schema", "schema": wanted.schema_, "strict": True}
        given = "/output_config/format" if body.output_config.format else "/output_format"
        notes.places.add("/response_format", Origin(given))
    _warn_of_edits(body, notes)
    chat["continue_final_message"] = _is_continued(body, chat, notes)
    if isinstance(body, MessagesBody):
        chat["max_completion_tokens"], chat["stop"] = max(1, body.max_tokens), body.stop_sequences
    for made, given in _ORIGINS.items():
        notes.places.add(made, Origin(given))
    return notes.translation(read_body(ChatBody, chat))


def _parts(body: CountBody) -> Iterator[tuple[Body, str]]:
    """Yield the parts of the request whose fields are not read by type, with their positions."""
    for number, message in enumerate(body.messages):
        yield message, f"/messages/{number}"
    yield body.output_config, "/output_config"
    if body.output_config.format is not None:
        yield body.output_config.format, "/output_config/format"
    if body.thinking is not None:
        yield body.thinking, "/thinking"
    if body.context_management is not None:
        yield body.context_management, "/context_management"


def _warn_of_edits(body: CountBody, notes: Notes) -> None:
    """Warn of context edits that are not applied. `context_management.py` applies the others."""
    for number, edit in enumerate(body.context_management.edits if body.context_management else ()):
        path, kind = f"/context_management/edits/{number}", messages.without_version(edit.type)
        warn_of_unknown_part_fields(edit, notes.warn, path)
        if kind not in EDITS:
            why = messages.EDITS[kind].why if kind in messages.EDITS else "this type is unknown"
            notes.warn("not_applied", path, f"edit {edit.type!r} is not applied: {why}")


def _is_continued(body: CountBody, chat: JsonObject, notes: Notes) -> bool:
    """Return whether the response continues the last message: it must be the model's, and have no end."""
    if not chat["messages"] or chat["messages"][-1]["role"] != "assistant" or body.messages[-1].role != "assistant":
        return False
    if (why := _end(chat["messages"][-1], chat)) is not None:
        notes.warn("not_applied", f"/messages/{len(body.messages) - 1}", f"the last message is not continued: {why}")
    return why is None


def _end(last: JsonObject, chat: JsonObject) -> str | None:
    """Return why the last message cannot be continued; None if it can be."""
    if last.get("tool_calls"):
        return "it ends with a tool call, which is complete"
    if last.get("reasoning_content") and not last.get("content"):
        return "it ends with thinking"
    if chat.get("tool_choice", "auto") not in ("auto", "none"):
        return "tool_choice requires a new message with a call"
    if any(chat.get(name) is not None for name in ("response_format", *_FOREIGN - {"think", "enable_thinking"})):
        return "the format requires a new message"
    return None


def _reasoning(body: CountBody, notes: Notes) -> JsonObject:
    """Return the fields of the chat request that control reasoning."""
    fields: JsonObject = {}
    thinking = body.thinking
    if thinking is not None:
        for name, value, known in (("type", thinking.type, _THINKING), ("display", thinking.display, _DISPLAYS)):
            if value is not None and value not in known:
                notes.warn("not_applied", f"/thinking/{name}", f"{value!r} is unknown; the default is used")
        if thinking.budget_tokens is not None:
            fields["thinking_budget_tokens"] = thinking.budget_tokens
    if thinking is not None and thinking.type in ("enabled", "disabled"):
        fields["reasoning"] = {"enabled": thinking.type == "enabled"}
    if body.output_config.effort is not None and (thinking is None or thinking.type != "disabled"):
        fields["reasoning_effort"] = body.output_config.effort
    return fields
