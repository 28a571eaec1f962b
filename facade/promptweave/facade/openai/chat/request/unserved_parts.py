"""Content parts of types that are not served, such as audio and files: a text says what was left out."""

from collections.abc import Sequence

from promptweave.facade.openai.chat.request.body import ChatBody, ContentPart, Message
from promptweave.facade.policy.rules import Warn

_SERVED = ("text", "refusal", "image_url", "tool_reference")


def without_unserved_parts(body: ChatBody, warn: Warn) -> ChatBody:
    """Return the request with a text in place of each content part that is not served. Positions stay the same."""
    if all(_is_served(part) for message in body.messages for part in _parts(message)):
        return body
    return body.model_copy(
        update={"messages": [_message(message, f"/messages/{place}", warn) for place, message in enumerate(body.messages)]}
    )


def _message(message: Message, path: str, warn: Warn) -> Message:
    parts = [_part(part, f"{path}/content/{place}", warn) for place, part in enumerate(_parts(message))]
    return message.model_copy(update={"content": parts}) if parts else message


def _part(part: ContentPart, path: str, warn: Warn) -> ContentPart:
    if _is_served(part):
        return part
    if part.text:
        warn("part_as_text", path, f"content parts of type {part.type!r} are not supported; the text of this one is used")
        return ContentPart(type="text", text=part.text)
    warn("part_left_out", path, f"content parts of type {part.type!r} are not supported; a text says that it was left out")
    return ContentPart(type="text", text=f"[{part.type} left out]")


def _is_served(part: ContentPart) -> bool:
    return part.type in _SERVED and (part.type != "image_url" or part.image_url is not None)


def _parts(message: Message) -> Sequence[ContentPart]:
    return message.content if isinstance(message.content, list) else ()
