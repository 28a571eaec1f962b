"""Turns messages into a conversation that the template accepts, in small passes, each applied only if the template needs it.

The order matters, since each pass may create work for later ones:

    roles        developer → system
    ids          calls and results without an id get one; ids get the form that the template accepts tool_history.py
    exchange     calls and results: one call per turn, text in a separate turn, or all of it as text tool_history.py
    system       messages after the first position move to the next user message; or all of them do
    alone        a system message alone becomes a user message
    neighbors    adjacent messages of one role are joined
    beginning    a conversation that the assistant begins gets an empty user turn first

Nothing is dropped. Changes to what the model sees are reported in warnings, with the message's path.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from promptweave.compiler.json_text import loads
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.messages.tool_history import exchange, ids
from promptweave.compiler.messages.turns import SYSTEM_ROLES, Passed, Turn, Turns, joined, paragraphs, replaced
from promptweave.compiler.profile.capabilities import THOUGHT, SystemPlace, TemplateCapabilities
from promptweave.compiler.request import Message, Role
from promptweave.compiler.template.message_shapes import CONTENT, TemplateMessage, in_parts, results_in_calls, with_reasoning
from promptweave.compiler.warnings import CompileWarning

__all__ = ["CompileWarning", "as_template_messages", "normalize"]


def normalize(turns: Turns, able: TemplateCapabilities, *, tools: bool) -> Passed:
    """Return the conversation as the template accepts it. `tools`: the template also receives the request's tools."""
    passes: tuple[Callable[[Turns, TemplateCapabilities], Passed], ...] = (
        roles,
        ids,
        partial(exchange, tools=tools),
        system,
        alone,
        neighbors,
        beginning,
    )
    warnings: list[CompileWarning] = []
    for one in passes:
        turns, more = one(turns, able)
        warnings += more
    return turns, warnings


def thoughts_apart(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Move reasoning from the beginning of contents to the messages' reasoning field."""
    opening, closing = THOUGHT

    def apart(message: Message) -> Message:
        text = (message.content or "").lstrip()
        if message.role is not Role.ASSISTANT or message.reasoning_content or not text.startswith(opening):
            return message
        thought, found, said = text.removeprefix(opening).partition(closing)
        return replace(message, content=said.lstrip(), reasoning_content=thought.strip()) if found else message

    return tuple(map(apart, messages))


# -- the passes --


def roles(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Change developer messages to system messages, of which they are a newer name: no warning.

    They stay if the template accepts only them.
    """
    if able.developer and able.system is SystemPlace.NOWHERE:
        return turns, []
    as_system = {Role.DEVELOPER: Role.SYSTEM}
    return tuple(replaced(turn, role=as_system.get(turn.role, turn.role)) for turn in turns), []


def system(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Move system messages to where the template accepts them.

    Leading ones are joined; later ones become user messages in the same position.
    """
    if able.system is SystemPlace.ANYWHERE:
        return turns, []
    done: list[Turn] = []
    waiting: list[Turn] = []
    warnings: list[CompileWarning] = []
    for turn in turns:
        leading = able.system is SystemPlace.FIRST and not waiting and all(other.role in SYSTEM_ROLES for other in done)
        if turn.role in SYSTEM_ROLES and leading:
            if done:
                warnings += turn.warning(
                    "messages_merged", "merged into the previous system message: the template supports only one"
                )
                done[-1] = joined(done[-1], turn)
            else:
                done.append(turn)
        elif turn.role in SYSTEM_ROLES:
            sentence = "moved to the user turn: the template does not support a system message at this position"
            warnings += turn.warning("system_moved", sentence)
            waiting.append(replaced(turn, role=Role.USER))
        elif turn.role is Role.USER and waiting:
            done.append(joined(*waiting, turn))
            waiting = []
        elif turn.role is Role.TOOL:
            # A result must follow its call: the system message comes after it.
            done.append(turn)
        else:
            done += [joined(*waiting)] if waiting else []
            done.append(turn)
            waiting = []
    return (*done, *([joined(*waiting)] if waiting else ())), warnings


def alone(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Turn a system message alone into a user message, if the template requires one."""
    if able.system_only or any(turn.role not in SYSTEM_ROLES for turn in turns):
        return turns, []
    warnings = [
        warning
        for turn in turns
        for warning in turn.warning("system_moved", "rendered as a user message: the template requires a user message")
    ]
    return tuple(replaced(turn, role=Role.USER) for turn in turns), warnings


def neighbors(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Join adjacent messages of one role if the template requires alternating roles; it may not count turns of calls."""
    wanted = {Role.USER: able.consecutive_users, Role.ASSISTANT: able.consecutive_assistants}
    done: list[Turn] = []
    warnings: list[CompileWarning] = []
    for turn in turns:
        last = done[-1] if done else None
        apart = last and (last.message.tool_calls or turn.message.tool_calls) and able.content_before_calls
        if last and last.role is turn.role and not wanted.get(turn.role, True) and not apart:
            done[-1] = joined(last, turn)
            warnings += turn.warning(
                "messages_merged", "merged into the previous message: the template requires alternating roles"
            )
        else:
            done.append(turn)
    return tuple(done), warnings


def beginning(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Add an empty user turn before a leading assistant turn, if the template requires the user to begin."""
    place = next((place for place, turn in enumerate(turns) if turn.role not in SYSTEM_ROLES), None)
    if able.assistant_first or place is None or turns[place].role is not Role.ASSISTANT:
        return turns, []
    warnings = turns[place].warning(
        "turn_added", "an empty user turn was added before it: the template requires the user to begin"
    )
    return (*turns[:place], Turn(Message(Role.USER, "")), *turns[place:]), warnings


def transcript(turns: Turns) -> Passed:
    """Put everything into one user turn, as a last resort; a final assistant turn stays, since it may be continued."""
    last = turns[-1:] if turns[-1].role is Role.ASSISTANT and len(turns) > 1 else ()
    told = turns[: len(turns) - len(last)]
    speakers = {Role.USER: "User: ", Role.ASSISTANT: "Assistant: "}
    texts = [speakers.get(turn.role, "") + turn.content for turn in told if turn.content]
    sentence = "rendered as text in one user turn: the template supports no other form of this conversation"
    warnings = [warning for turn in told for warning in turn.warning("conversation_as_text", sentence)]
    return (Turn(Message(Role.USER, paragraphs(texts))), *last), warnings


# -- for the template --


def as_template_messages(
    turns: Turns, able: TemplateCapabilities, pictures: Pictures | None = None
) -> list[TemplateMessage]:
    """Return the messages as the dictionaries that templates receive."""
    names: dict[str, str] = {}
    written: list[TemplateMessage] = []
    for turn in turns:
        message = turn.message
        names |= {call.id: call.name for call in message.tool_calls}
        silent = None if message.tool_calls and able.requires_null_content else ""
        entry: dict[str, Any] = {"role": message.role.value, "content": message.content or silent}
        if pictures and able.picture and message.role is Role.USER:
            entry["content"] = pictures.in_parts(message.content or "", able.picture.item)
        if message.reasoning_content is not None and able.reasoning_key != CONTENT:
            entry[able.reasoning_key or "reasoning_content"] = message.reasoning_content
        elif message.reasoning_content:
            entry = with_reasoning(entry, CONTENT, message.reasoning_content)
        if message.role is Role.TOOL and message.tool_call_id is not None:
            entry["tool_call_id"] = message.tool_call_id
        if name := message.name or names.get(message.tool_call_id or ""):
            entry["name"] = name
        if message.tool_calls:
            entry["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.name,
                        "arguments": loads(call.arguments) if able.requires_object_arguments else call.arguments,
                    },
                }
                for call in message.tool_calls
            ]
        written.append(entry)
    written = results_in_calls(written) if able.results_in_call else written
    return [in_parts(entry) for entry in written] if able.requires_typed_content else written
