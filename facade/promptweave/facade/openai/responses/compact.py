"""`/v1/responses/compact`: the model summarizes a conversation, so that a later request continues it with fewer tokens."""

import time
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import JSONResponse

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.pipeline import prepare_chat, warning_headers
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody, ResponsesReasoning, TextOptions
from promptweave.facade.openai.responses.request.compaction import REQUEST, compaction_item
from promptweave.facade.openai.responses.request.items import new_id
from promptweave.facade.openai.responses.request.to_chat import to_chat
from promptweave.facade.openai.responses.resolve import ResolvedRequest, resolve
from promptweave.facade.openai.responses.response.events import ResponseEvents
from promptweave.facade.openai.responses.response.objects import CompactedConversation, ResponseObject
from promptweave.facade.openai.responses.response.response import new_response
from promptweave.facade.openai.responses.storage.stored import owner_of, responses_of

_SUMMARY_TOKENS = 1024
"""The length of a summary, at most, if the request has no `max_output_tokens`."""


_CONFIGURATION = "configuration_update"
"""Items that stay, but do not apply to the summary."""


async def compact(request: Request, raw: JsonObject, body: ResponsesBody) -> JSONResponse:
    """Return the messages that were not the model's, and a summary of everything. Errors carry their position."""
    resolved = await resolve(responses_of(request), owner_of(request), body)
    turn = await prepare_chat(request, _summary_request(raw, resolved))
    events = ResponseEvents(new_response(raw, body, turn.model.id, turn.warnings))
    async with aclosing(turn.answers):
        async for answer in turn.answers:
            for _ in events.of_answer(answer):
                pass
    response = events.response
    compacted: CompactedConversation = {
        "id": new_id("response"),
        "object": "response.compaction",
        "created_at": int(time.time()),
        "output": [*filter(_stays, [*resolved.history, *resolved.given]), compaction_item(_text(response))],
        "usage": response["usage"],
    }
    if "warnings" in response:
        compacted["warnings"] = response["warnings"]
    return JSONResponse(compacted, headers=warning_headers(turn.warnings))


def _summary_request(raw: JsonObject, resolved: ResolvedRequest) -> Translation:
    """Return the chat request for the summary: the conversation, and a message that asks for it."""
    body = resolved.body
    given = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input
    given = [item for item in given if item.get("type") != _CONFIGURATION]
    changes = {
        "input": [*given, {"role": "user", "content": REQUEST}],
        "tools": [],
        "tool_choice": "none",
        "text": TextOptions(),
        "reasoning": ResponsesReasoning(effort="none"),
        "max_output_tokens": body.max_output_tokens or _SUMMARY_TOKENS,
    }
    history = [item for item in resolved.history if item["type"] != _CONFIGURATION]
    return to_chat(raw, body.model_copy(update=changes), history)


def _stays(item: JsonObject) -> bool:
    """Return whether an item stays as it is: instructions, the user's words, and tools."""
    return item["type"] in ("additional_tools", _CONFIGURATION) or (
        item["type"] == "message" and item.get("role") != "assistant"
    )


def _text(response: ResponseObject) -> str:
    """Return the text of the answer."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts if part["type"] == "output_text")
