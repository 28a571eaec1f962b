"""A chat request as an operation of the conventions for generative AI; see `telemetry/gen_ai_spans.py`."""

from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.request.body import ChatBody, Message
from promptweave.facade.telemetry.gen_ai_spans import Operation


def chat(body: ChatBody, model: str) -> Operation:
    """Return the operation of a chat request with the model that is loaded for it."""
    return Operation(
        model=body.model or model,
        response_model=model,
        json=body.response_format is not None and body.response_format.type in ("json_object", "json_schema"),
        content=lambda: _chat_content(body),
    )


# -- content, in the format of the conventions' schemas for messages --


def _chat_content(body: ChatBody) -> JsonObject:
    content: JsonObject = {"gen_ai.input.messages": [_message(message) for message in body.messages]}
    if body.tools:
        content["gen_ai.tool.definitions"] = [tool.model_dump(exclude_none=True) for tool in body.tools]
    return content


def _message(message: Message) -> JsonObject:
    if message.role in ("tool", "function"):
        answer = {"type": "tool_call_response", "id": message.tool_call_id or "", "response": _text(message)}
        return {"role": "tool", "parts": [answer]}
    parts: list[JsonObject] = []
    if message.reasoning_content:
        parts.append({"type": "reasoning", "content": message.reasoning_content})
    if isinstance(message.content, str):
        parts.append({"type": "text", "content": message.content})
    for part in message.content if isinstance(message.content, list) else []:
        # For an image, only that there is one.
        words = {"type": "text", "content": part.text or part.refusal}
        parts.append({"type": "blob", "modality": "image", "content": ""} if part.image_url else words)
    for call in message.tool_calls:
        if call.function:
            given: Any = {"name": call.function.name, "arguments": call.function.arguments}
        else:
            given = {"name": call.custom.name, "arguments": call.custom.input} if call.custom else {}
        parts.append({"type": "tool_call", "id": call.id, **given})
    return {"role": message.role, "parts": parts}


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content or ())
