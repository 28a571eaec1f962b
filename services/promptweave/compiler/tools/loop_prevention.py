"""Ends a loop of the conversation: its tools cannot be called in the next answer."""

from collections.abc import Collection
from dataclasses import replace

from promptweave.compiler.messages.repeated_calls import MAX_EQUAL_CALLS, RepeatedCall
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.warnings import CompileWarning

_ALLOWED = "; repeated_calls: 'prevent' excludes the call from the next answer"
_EXCLUDED = "; it cannot be called in this answer"
_REQUIRED = "; it can still be called, since a call is required and no other tool can be called"


def without_tools(request: ChatRequest, names: Collection[str]) -> ChatRequest | None:
    """Return the request with tools that cannot be called; None if a call is required and no other tool is allowed."""
    choice = request.tool_choice
    allowed = choice.names if choice.names is not None else [tool.name for tool in request.tools]
    if choice.required and all(name in names for name in allowed):
        return None
    excluded = tuple(sorted({name for name in names if name in allowed}))
    return replace(request, tool_choice=replace(choice, excluded=excluded))


def loop_warnings(loop: Collection[RepeatedCall], *, prevent: bool, excluded: bool) -> list[CompileWarning]:
    """Return a warning for each call of a loop. `prevent`: the request asks for an end; `excluded`: that was possible."""
    what = (_EXCLUDED if excluded else _REQUIRED) if prevent else _ALLOWED
    return [
        CompileWarning(
            "repeated_call",
            repeated.pointer,
            f"{repeated.call.name!r} was called {MAX_EQUAL_CALLS} times in a row with equal arguments and results{what}",
        )
        for repeated in loop
    ]
