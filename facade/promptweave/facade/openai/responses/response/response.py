"""The response object before any output: the request's fields, as OpenAI repeats them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.response.from_grpc import warning_objects
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.items import new_id
from promptweave.facade.openai.responses.request.tools import is_known_type
from promptweave.facade.openai.responses.response.objects import ResponseObject
from promptweave.v1 import prompt_compiler_pb2

_VERBOSITIES = ("low", "medium", "high")


def new_response(
    raw: Mapping[str, Any], body: ResponsesBody, model: str, warnings: Sequence[prompt_compiler_pb2.Warning]
) -> ResponseObject:
    """Return a response to the request, with a new id. Fields that are neither requested nor have a default here are
    null."""
    response: ResponseObject = {
        "id": new_id("response"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "queued" if body.background else "in_progress",
        "background": body.background,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata,
        "model": model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": body.reasoning.effort, "summary": body.reasoning.summary},
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": body.store,
        "temperature": body.temperature,
        "text": _text(raw, body),
        "tool_choice": raw.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in body.tools if is_known_type(tool.get("type"))],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation,
    }
    if body.conversation_id is not None:
        response["conversation"] = {"id": body.conversation_id}
    if body.user is not None:
        response["user"] = body.user
    if warnings:
        response["warnings"] = warning_objects(warnings)
    return response


def _text(raw: Mapping[str, Any], body: ResponsesBody) -> JsonObject:
    text = {"format": {"type": "text"}, **_without_nulls(raw.get("text"))}
    if body.text.verbosity not in _VERBOSITIES:
        text.pop("verbosity", None)
    return text


def _tool(tool: JsonObject) -> JsonObject:
    """Return a tool with the fields that clients expect."""
    given = _without_nulls(tool)
    return {"parameters": None, "strict": None, **given} if tool.get("type") == "function" else given


def _without_nulls(value: Mapping[str, Any] | None) -> JsonObject:
    return {key: item for key, item in (value or {}).items() if item is not None}
