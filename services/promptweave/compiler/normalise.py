"""Messages → what the template accepts. What is changed on the way is said in a warning; nothing is dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.errors import RequestError
from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import Message, Role


@dataclass(frozen=True, slots=True)
class CompileWarning:
    """Something that the caller should know: a short stable name, a JSON pointer into the request, a sentence."""

    code: str
    path: str
    message: str


def check_history(messages: Sequence[Message]) -> None:
    """Raises RequestError for a history that means nothing."""
    if not messages:
        raise RequestError("a conversation needs at least one message", path="/messages")
    for place, message in enumerate(messages):
        for number, call in enumerate(message.tool_calls):
            path = f"/messages/{place}/tool_calls/{number}/function/arguments"
            try:
                arguments = loads(call.arguments)
                dumps(arguments).encode()
            except UnicodeEncodeError:
                raise RequestError("the arguments hold half a surrogate pair, which is no text", path=path) from None
            except ValueError as error:
                raise RequestError(f"the arguments are not JSON: {error}", path=path) from None
            if not isinstance(arguments, dict):
                raise RequestError("the arguments are not a JSON object", path=path)


def with_system_text(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The conversation with `text` at the end of its system message, which is made if there is none."""
    if messages and messages[0].role in (Role.SYSTEM, Role.DEVELOPER):
        first = replace(messages[0], content="\n\n".join(filter(None, (messages[0].content, text))))
        return (first, *messages[1:])
    return (Message(Role.SYSTEM, text), *messages)


def without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System messages put in front of the user message after them, for templates that know no such role."""
    done: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role in (Role.SYSTEM, Role.DEVELOPER):
            waiting.append(message.content or "")
        elif waiting and message.role is Role.USER:
            done.append(replace(message, content="\n\n".join([*waiting, message.content or ""])))
            waiting = []
        else:
            done.extend(Message(Role.USER, text) for text in waiting)
            done.append(message)
            waiting = []
    return (*done, *(Message(Role.USER, text) for text in waiting))


def alternating(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System messages joined at the start and neighbours of one role merged, for templates that want roles to alternate."""
    system = [message.content or "" for message in messages if message.role in (Role.SYSTEM, Role.DEVELOPER)]
    done: list[Message] = [Message(Role.SYSTEM, "\n\n".join(system))] if system else []
    for message in messages:
        if message.role in (Role.SYSTEM, Role.DEVELOPER):
            continue
        last = done[-1] if done else None
        if last and last.role is message.role and message.role is not Role.TOOL:
            content = "\n\n".join(filter(None, (last.content, message.content))) or None
            done[-1] = replace(last, content=content, tool_calls=last.tool_calls + message.tool_calls)
        else:
            done.append(message)
    return tuple(done)


def as_template_messages(messages: Sequence[Message], *, arguments_as_object: bool) -> list[dict[str, Any]]:
    """The messages as the dictionaries that templates are given."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    written = []
    for message in messages:
        role = Role.SYSTEM if message.role is Role.DEVELOPER else message.role
        entry: dict[str, Any] = {"role": role.value, "content": message.content or ""}
        if message.reasoning_content is not None:
            entry["reasoning_content"] = message.reasoning_content
        if message.role is Role.TOOL and message.tool_call_id is not None:
            entry["tool_call_id"] = message.tool_call_id
            entry["name"] = message.name or names.get(message.tool_call_id, "")
        elif message.name is not None:
            entry["name"] = message.name
        if message.tool_calls:
            entry["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.name,
                        "arguments": loads(call.arguments) if arguments_as_object else call.arguments,
                    },
                }
                for call in message.tool_calls
            ]
        written.append(entry)
    return written
