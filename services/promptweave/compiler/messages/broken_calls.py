"""Calls of the history whose arguments are not a JSON object, as after a response that was cut: agents send them back.

Arguments that were encoded twice, or are null, are decoded. Others become text in the call's place, and so does the result;
and so do calls in messages of the user or a tool, which no template shows.
"""

import re
from dataclasses import dataclass, field, replace

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.messages.tool_history import call_as_text, result_as_text, with_ids
from promptweave.compiler.messages.turns import Turn, paragraphs, replaced
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.warnings import CompileWarning

_SURROGATE = re.compile("[\ud800-\udfff]")


def repair_calls(request: ChatRequest) -> tuple[ChatRequest, list[CompileWarning]]:
    """Return the request with calls of the assistant whose arguments are JSON objects, and warnings about the changes."""
    calls = [(message, call) for message in request.messages for call in message.tool_calls]
    if all(_is_whole(call) and message.role is Role.ASSISTANT for message, call in calls):
        return request, []
    turns = with_ids(tuple(Turn(message, place) for place, message in enumerate(request.messages)))
    repairs = _Repairs()
    return replace(request, messages=tuple(map(repairs.message, turns))), repairs.warnings


@dataclass(slots=True)
class _Repairs:
    """The repairs of one request, message by message."""

    warnings: list[CompileWarning] = field(default_factory=list)
    _texts: dict[str, str] = field(default_factory=dict)
    """Ids of calls that became text → the tools' names."""

    def message(self, turn: Turn) -> Message:
        """Return the message with repaired calls; others, and results of such, are text."""
        calls, texts = [], []
        for number, call in enumerate(turn.message.tool_calls):
            self._texts.pop(call.id, None)
            path = f"/messages/{turn.place}/tool_calls/{number}"
            repaired = self._repaired(call, path, turn.role)
            if repaired is None:
                texts.append(call_as_text(call))
                self._texts[call.id] = call.name
            else:
                calls.append(repaired)
        if turn.message.tool_calls:
            content = paragraphs([turn.message.content, *texts]) if texts else turn.message.content
            turn = replaced(turn, content=content, tool_calls=tuple(calls))
        is_of_text = turn.role is Role.TOOL and turn.message.tool_call_id in self._texts
        return (result_as_text(turn, self._texts) if is_of_text else turn).message

    def _repaired(self, call: ToolCall, path: str, role: Role) -> ToolCall | None:
        """Return the call, repaired if necessary; None if it must become text."""
        if role is not Role.ASSISTANT:
            self._warn("call_as_text", path, "rendered as text: only messages of the assistant have tool calls")
            return None
        if _is_whole(call):
            return call
        repaired, path = _repaired(call), f"{path}/function/arguments"
        if repaired is None:
            self._warn("arguments_invalid", path, "rendered as text: arguments must be a JSON object")
        else:
            self._warn("arguments_repaired", path, "arguments must be a JSON object; this was decoded to one")
        return repaired

    def _warn(self, code: str, path: str, sentence: str) -> None:
        self.warnings.append(CompileWarning(code, path, sentence))


def _is_whole(call: ToolCall) -> bool:
    """Return whether the arguments are a JSON object in valid Unicode."""
    try:
        arguments = loads(call.arguments)
        dumps(arguments).encode()
    except ValueError:
        return False
    return isinstance(arguments, dict)


def _repaired(call: ToolCall) -> ToolCall | None:
    """Return the call with the object that its arguments encode."""
    try:
        arguments = loads(call.arguments)
        if isinstance(arguments, str):
            arguments = loads(arguments)
    except ValueError:
        return None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        return None
    # A lone surrogate cannot be written as UTF-8.
    return replace(call, arguments=_SURROGATE.sub("\ufffd", dumps(arguments)))
