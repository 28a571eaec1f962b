"""Calls as text: an answer with calls in a given syntax, for templates that do not write calls themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from promptweave.compiler.json_text import TYPES, dumps, loads
from promptweave.compiler.request import Message, Role
from promptweave.compiler.styles.answer import PLAIN, AnswerSyntax
from promptweave.compiler.styles.arguments import KEY, ArgumentSyntax, Form
from promptweave.compiler.styles.calls import CallSyntax, Slot


class CalledTool(NamedTuple):
    """A call to write."""

    name: str
    arguments: dict[str, Any]
    id: str = ""


def write_answer(syntax: CallSyntax, answer: AnswerSyntax, content: str | None, called: Iterable[CalledTool]) -> str:
    """Return the text of content, calls, or both."""
    calls = [_call(syntax, call, number) for number, call in enumerate(called)]
    said = answer.header + (content or "") if content or not calls else ""
    written = syntax.opening + syntax.between.join(calls) + syntax.closing if calls else ""
    return said + (syntax.lead if said and calls else "") + written


def as_content(message: Message, syntax: CallSyntax, answer: AnswerSyntax = PLAIN) -> Message:
    """Return an assistant message with its calls as content."""
    if message.role is not Role.ASSISTANT:
        return message
    called = [CalledTool(call.name, loads(call.arguments), call.id) for call in message.tool_calls]
    return replace(message, content=write_answer(syntax, answer, message.content, called), tool_calls=())


def _call(syntax: CallSyntax, call: CalledTool, number: int) -> str:
    arguments = _arguments(syntax.arguments, call.arguments) if syntax.arguments else dumps(call.arguments)
    filled = {Slot.NAME: call.name, Slot.ID: call.id, Slot.INDEX: str(number), Slot.ARGUMENTS: arguments}
    return "".join(piece if isinstance(piece, str) else filled[piece] for piece in syntax.call)


def _arguments(syntax: ArgumentSyntax, arguments: dict[str, Any]) -> str:
    if not arguments:
        return syntax.zero
    written = [key + _value(syntax, syntax.forms, value, key) for key, value in arguments.items()]
    return syntax.first + syntax.join.join(written)


def _value(syntax: ArgumentSyntax, forms: Mapping[str, Form], value: Any, key: str) -> str:
    """Return a value with the texts around it. The value itself may contain the placeholder for the key."""
    form = forms[TYPES[type(value)]]
    if form.inside and isinstance(value, dict):
        text = _arguments(syntax.nested or syntax, value)
    elif form.inside:
        text = syntax.separator.join(_value(syntax, syntax.items or {}, item, key) for item in value)
    else:
        text = value if form.raw else form.word(dumps(value))
    return form.middle.replace(KEY, key) + text + form.end.replace(KEY, key)
