"""Translation of requests to `/v1/messages` into chat requests.

Messages support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

from collections.abc import Mapping
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.conversation import BlockConversation
from promptweave.facade.anthropic.tools import tool_choice_to_chat, tools_to_chat
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.translated import Notes, Translation
from promptweave.facade.policy import messages
from promptweave.facade.policy.rules import apply_field_rules
from promptweave.v1 import inference_pb2

_AS_IN_CHAT = (
    *(field.name for field in inference_pb2.Sampling.DESCRIPTOR.fields),
    *("model", "chat_template_kwargs", "tool_style", "schema_style", "parse_special_in_content"),
    *("session_id", "parent_session_id", "fast_forward"),
)
"""Fields with the same name in chat completions; most of them are promptweave's additions to Anthropic's API."""

_ORIGINS: Mapping[str, str] = {
    "/max_completion_tokens": "/max_tokens",
    "/stop": "/stop_sequences",
    "/thinking_budget_tokens": "/thinking/budget_tokens",
    "/reasoning_effort": "/output_config/effort",
    "/response_format": "/output_config/format",
}
"""Fields of the chat request that have another name in Anthropic's."""


def to_chat(raw: Mapping[str, Any], body: CountBody) -> Translation:
    """Return the chat request. Raises RequestError and UnsupportedError."""
    notes = Notes()
    apply_field_rules(raw, messages.FIELDS, notes.warn)
    chat: JsonObject = {name: raw[name] for name in _AS_IN_CHAT if name in raw}
    conversation = BlockConversation(notes)
    conversation.system(body.system)
    for number, message in enumerate(body.messages):
        conversation.add(message, f"/messages/{number}")
    chat["messages"] = conversation.messages
    # An assistant message at the end is a prefix that the response continues.
    chat["continue_final_message"] = bool(body.messages) and body.messages[-1].role == "assistant"
    chat["tools"] = tools_to_chat(body.tools, notes)
    if body.tool_choice is not None:
        chat["tool_choice"] = tool_choice_to_chat(body.tool_choice, notes)
        chat["parallel_tool_calls"] = not body.tool_choice.disable_parallel_tool_use
    chat |= _reasoning(body)
    if (wanted := body.output_config.format) is not None:
        chat["response_format"] = {"type": "json_schema", "schema": wanted.schema_, "strict": True}
    if isinstance(body, MessagesBody):
        chat["max_completion_tokens"], chat["stop"] = body.max_tokens, body.stop_sequences
    for made, given in _ORIGINS.items():
        notes.places.add(made, Origin(given))
    return notes.translation(read_body(ChatBody, chat))


def _reasoning(body: CountBody) -> JsonObject:
    """Return the fields of the chat request that control reasoning."""
    fields: JsonObject = {}
    if body.thinking is not None and body.thinking.budget_tokens is not None:
        fields["thinking_budget_tokens"] = body.thinking.budget_tokens
    if body.thinking is not None and body.thinking.type == "disabled":
        fields["reasoning_effort"] = "none"
    elif body.output_config.effort is not None:
        fields["reasoning_effort"] = body.output_config.effort
    return fields
