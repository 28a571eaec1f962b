"""Unknown fields of messages and tools: reasoning by another name is read, and others are a warning."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.openai.chat.request.body import ChatBody, Message
from promptweave.facade.policy.chat import PART_HOUSEKEEPING, REASONING_FIELDS, REASONING_TEXTS
from promptweave.facade.policy.rules import Warn, known_fields, warn_of_unknown_fields

_POSITION = re.compile(r"/\d+")


def warn_of_unknown_part_fields(body: ChatBody, warn: Warn) -> None:
    """Warn of unknown fields in messages and tools, of each one once: at its first position."""
    warned: set[str] = set()

    def warn_once(code: str, path: str, message: str) -> None:
        place = _POSITION.sub("/", path)
        if place not in warned:
            warned.add(place)
            warn(code, path, message)

    for part, path, more in _parts(body):
        known = known_fields(type(part)) | PART_HOUSEKEEPING | frozenset(more)
        warn_of_unknown_fields(part.model_extra or {}, known, warn_once, path)


def with_own_reasoning(messages: Sequence[Message], places: SourceMap) -> list[Message]:
    """Return the messages with their reasoning in `reasoning_content`, also if clients send it in another field."""
    return [
        message if message.reasoning_content else _message(message, f"/messages/{place}", places)
        for place, message in enumerate(messages)
    ]


def _message(message: Message, path: str, places: SourceMap) -> Message:
    for name in REASONING_FIELDS:
        if text := _reasoning((message.model_extra or {}).get(name)):
            places.add(f"{path}/reasoning_content", Origin(f"{path}/{name}", whole=True))
            return message.model_copy(update={"reasoning_content": text})
    return message


def _reasoning(value: Any) -> str:
    """Return the text of reasoning, or of its parts; empty if there is none."""
    if isinstance(value, str):
        return value
    parts = [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
    texts = (next((part[name] for name in REASONING_TEXTS if isinstance(part.get(name), str)), "") for part in parts)
    return "\n\n".join(filter(None, texts))


def _parts(body: ChatBody) -> Iterator[tuple[Body, str, Collection[str]]]:
    """Yield messages, their content parts and calls, and tools, with their positions and further fields that are read.

    Parts, calls and tools in the form of other APIs are left to the modules that read them.
    """
    for number, message in enumerate(body.messages):
        path = f"/messages/{number}"
        reasoning = REASONING_FIELDS if message.reasoning_content or _has_reasoning(message) else ()
        yield message, path, reasoning
        for place, part in enumerate(message.content if isinstance(message.content, list) else ()):
            if part.type in ("text", "refusal"):
                yield part, f"{path}/content/{place}", ()
        for place, call in enumerate(message.tool_calls):
            if call.function is not None and call.function.name:
                yield call, f"{path}/tool_calls/{place}", ()
                yield call.function, f"{path}/tool_calls/{place}/function", ()
    for number, tool in enumerate(body.tools):
        definition, kind = (tool.custom, "custom") if tool.function is None else (tool.function, "function")
        if definition is not None:
            yield tool, f"/tools/{number}", ()
            yield definition, f"/tools/{number}/{kind}", ()


def _has_reasoning(message: Message) -> bool:
    return any(_reasoning((message.model_extra or {}).get(name)) for name in REASONING_FIELDS)
