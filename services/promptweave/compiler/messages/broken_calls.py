"""Calls of the history whose arguments are not a JSON object, as after a response that was cut: agents send them back.

Arguments that were encoded twice, or are null, are decoded. Others become text in the call's place, and so does the result.
"""

import re
from dataclasses import replace

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.messages.tool_history import call_as_text, result_as_text, with_ids
from promptweave.compiler.messages.turns import Turn, paragraphs
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.warnings import CompileWarning

_SURROGATE = re.compile("[\ud800-\udfff]")


def repair_calls(request: ChatRequest) -> tuple[ChatRequest, list[CompileWarning]]:
    """Return the request with calls whose arguments are JSON objects, and warnings about what was changed."""
    if all(_is_whole(call) for message in request.messages for call in message.tool_calls):
        return request, []
    turns = with_ids(tuple(Turn(message, place) for place, message in enumerate(request.messages)))
    warnings: list[CompileWarning] = []
    done: list[Message] = []
    broken: dict[str, str] = {}
    for place, turn in enumerate(turns):
        message = turn.message
        calls, texts = [], []
        for number, call in enumerate(message.tool_calls):
            broken.pop(call.id, None)
            repaired = call if _is_whole(call) else _repaired(call)
            path = f"/messages/{place}/tool_calls/{number}/function/arguments"
            if repaired is None:
                texts.append(call_as_text(call))
                broken[call.id] = call.name
                sentence = "rendered as text: arguments must be a JSON object"
                warnings.append(CompileWarning("arguments_invalid", path, sentence))
                continue
            if repaired is not call:
                sentence = "arguments must be a JSON object; this was decoded to one"
                warnings.append(CompileWarning("arguments_repaired", path, sentence))
            calls.append(repaired)
        if message.role is Role.TOOL and message.tool_call_id in broken:
            message = result_as_text(turn, broken).message
        elif texts:
            message = replace(message, content=paragraphs([message.content, *texts]), tool_calls=tuple(calls))
        else:
            message = replace(message, tool_calls=tuple(calls))
        done.append(message)
    return replace(request, messages=tuple(done)), warnings


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
