"""Unknown fields and roles in messages, and unknown fields of tools: similar ones are read, and others are a warning."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.openai.chat.request.body import ChatBody, Message
from promptweave.facade.policy.chat import PART_HOUSEKEEPING, REASONING_FIELDS, REASONING_TEXTS
from promptweave.facade.policy.roles import known_role
from promptweave.facade.policy.rules import Warn, known_fields, once, warn_of_unknown_fields

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def warn_of_unknown_part_fields(body: ChatBody, warn: Warn) -> None:
    """Warn of unknown fields in messages and tools, of each one once: at its first position."""
    warn_once = once(warn)
    for part, path, more in _parts(body):
        known = known_fields(type(part)) | PART_HOUSEKEEPING | frozenset(more)
        warn_of_unknown_fields(part.model_extra or {}, known, warn_once, path)


def with_known_roles(messages: Sequence[Message], warn: Warn) -> Sequence[Message]:
    """Return the messages with roles that chat completions have."""
    if all(message.role in _ROLES for message in messages):
        return messages
    roles = [known_role(message.role, _ROLES, warn, f"/messages/{place}/role") for place, message in enumerate(messages)]
    return [message.model_copy(update={"role": role}) for message, role in zip(messages, roles, strict=True)]


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
