"""Calls and results of the history, as the template takes them: ids, one call a turn, text apart, or all of it as text."""

import hashlib
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.messages.turns import SYSTEM_ROLES, Passed, Turn, Turns, paragraphs, replaced
from promptweave.compiler.profile.capabilities import IdForm, TemplateCapabilities
from promptweave.compiler.request import Message, Role
from promptweave.compiler.warnings import CompileWarning

# -- ids --


def ids(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Ids for calls and results that have none, in the order of the calls; then all ids in the form that is taken.

    The same id becomes the same other one, and one that has the form stays: what a model writes in it comes back as it was.
    Where a client uses an id again, a result is of the last call before it. Ids are no text: no warning.
    """
    turns = _with_ids(turns)
    if able.ids is IdForm.ANY:
        return turns, []
    if able.ids is IdForm.NINE:
        return tuple(_renamed(turn, _NineForm()) for turn in turns), []
    return tuple(_by_name(turns)), []


def _by_name(turns: Turns) -> Iterator[Turn]:
    """Ids of the name and a number: the one that the call has, or how many calls came before it."""
    new: dict[str, str] = {}
    taken: set[str] = set()
    number = 0
    for turn in turns:
        for call in turn.message.tool_calls:
            free = (f"functions.{call.name}:{each}" for each in count(number))
            own = [call.id] if re.fullmatch(rf"functions\.{re.escape(call.name)}:[0-9]+", call.id) else []
            new[call.id] = next(each for each in chain(own, free) if each not in taken)
            taken.add(new[call.id])
            number += 1
        yield _renamed(turn, new)


def unmatched(messages: Sequence[Message]) -> list[CompileWarning]:
    """Warnings about results whose call is not there: they are shown all the same."""
    known: set[str] = set()
    warnings = []
    for place, message in enumerate(messages):
        known |= {call.id for call in message.tool_calls}
        if message.role is Role.TOOL and message.tool_call_id and message.tool_call_id not in known:
            path = f"/messages/{place}/tool_call_id"
            warnings.append(CompileWarning("result_unmatched", path, "no call before it has this id"))
    return warnings


def _with_ids(turns: Turns) -> Turns:
    """A result without an id answers the first call that nobody else answers."""
    answered = {turn.message.tool_call_id for turn in turns if turn.role is Role.TOOL}
    waiting: list[str] = []
    number = 0
    done = []
    for turn in turns:
        calls = []
        for call in turn.message.tool_calls:
            number += 1
            calls.append(call if call.id else replace(call, id=f"call_{number}"))
        waiting += [call.id for call in calls if call.id not in answered]
        if calls:
            turn = replaced(turn, tool_calls=tuple(calls))
        if turn.role is Role.TOOL and not turn.message.tool_call_id:
            turn = replaced(turn, tool_call_id=waiting.pop(0) if waiting else f"call_{number}")
        done.append(turn)
    return tuple(done)


class _NineForm(dict[str, str]):
    """Ids of nine letters and digits."""

    def __missing__(self, key: str) -> str:
        if re.fullmatch(r"[a-zA-Z0-9]{9}", key):
            return key
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
        letters = string.ascii_letters + string.digits
        return "".join(letters[number // len(letters) ** place % len(letters)] for place in range(9))


def _renamed(turn: Turn, new: dict[str, str]) -> Turn:
    message = turn.message
    calls = tuple(replace(call, id=new[call.id]) for call in message.tool_calls)
    id_ = message.tool_call_id
    if id_ is not None and (isinstance(new, _NineForm) or id_ in new):
        id_ = new[id_]
    return replaced(turn, tool_calls=calls, tool_call_id=id_)


# -- the exchange --


def exchange(turns: Turns, able: TemplateCapabilities, *, tools: bool) -> Passed:
    """Calls and results as the template takes them. `tools`: it is given the request's tools, too."""
    called = any(turn.message.tool_calls for turn in turns)
    if not (called or any(turn.role is Role.TOOL for turn in turns)) or (able.results_after_text and not called):
        return turns, []
    if not (able.calls if tools else able.calls_without_tools):
        return _as_text(turns, lambda called, after: True)
    beside = able.content_beside_calls and (able.reasoning_beside_content or able.reasoning_key is None)
    apart = beside or able.content_before_calls or able.bridged
    after_result = able.user_after_result or able.bridged

    def unfit(called: Turn | None, after: Turn | None) -> bool:
        speaks = after is not None and _speaks(after)
        said = called is not None and bool(called.content)
        return (speaks and not after_result) or (said and not apart) or called is None

    turns, warnings = _as_text(turns, unfit)
    if not able.ids_shown:
        turns = results_in_order(turns)
    if not beside:
        turns, more = _content_apart(turns, able)
        warnings += more
    if not able.supports_parallel_tool_calls:
        turns, more = _one_call_a_turn(turns)
        warnings += more
    if not able.user_after_result:
        turns, more = _answered(turns)
        warnings += more
    return turns, warnings


def results_in_order(turns: Turns) -> Turns:
    """Results in the order of their calls: where no id is written, the order says what is whose."""
    # Some clients use ids again: the last call before counts.
    order: dict[str, int] = {}
    done: list[Turn] = []
    number = 0
    for results, turn in _rounds(turns):
        places = [order.get(result.message.tool_call_id or "", number) for result in results]
        done += [result for _, result in sorted(zip(places, results, strict=True), key=lambda pair: pair[0])]
        done += [turn] if turn else []
        for call in turn.message.tool_calls if turn else ():
            order[call.id] = number
            number += 1
    return tuple(done)


def _rounds(turns: Turns) -> Iterator[tuple[list[Turn], Turn | None]]:
    """Results that follow one another, and the turn after them."""
    results: list[Turn] = []
    for turn in turns:
        if turn.role is Role.TOOL:
            results.append(turn)
        else:
            yield results, turn
            results = []
    yield results, None


def _content_apart(turns: Turns, able: TemplateCapabilities) -> Passed:
    """Text beside calls, or only beside calls and reasoning, as a turn of its own, before them: the template loses it."""
    done: list[Turn] = []
    warnings: list[CompileWarning] = []
    for turn in turns:
        message = turn.message
        if message.tool_calls and message.content and not (able.content_beside_calls and not message.reasoning_content):
            done.append(replaced(turn, tool_calls=(), reasoning_content=None))
            if not able.content_before_calls:
                done.append(Turn(Message(Role.USER, "")))
            done.append(replaced(turn, content=None))
            warnings += turn.warning("content_moved", "text beside calls in a turn of its own: the template loses it there")
        else:
            done.append(turn)
    return tuple(done), warnings


def _answered(turns: Turns) -> Passed:
    """An empty assistant turn between a result and the user, where the template wants an answer there."""
    done: list[Turn] = []
    warnings: list[CompileWarning] = []
    for turn in turns:
        if done and done[-1].role is Role.TOOL and _speaks(turn):
            done.append(Turn(Message(Role.ASSISTANT, "")))
            sentence = "an empty assistant turn stands before: the template wants an answer to a result"
            warnings += turn.warning("turn_added", sentence)
        done.append(turn)
    return tuple(done), warnings


def _speaks(turn: Turn) -> bool:
    return turn.role is Role.USER or turn.role in SYSTEM_ROLES


def _one_call_a_turn(turns: Turns) -> Passed:
    """Calls one after the other, each with its result: the template takes one in a turn."""
    done: list[Turn] = []
    warnings: list[CompileWarning] = []
    place = 0
    while place < len(turns):
        turn = turns[place]
        place += 1
        calls = turn.message.tool_calls
        if len(calls) < 2:
            done.append(turn)
            continue
        warnings += turn.warning(
            "calls_split", "its calls one after the other, each with its result: the template takes one"
        )
        results: list[Turn] = []
        while place < len(turns) and turns[place].role is Role.TOOL:
            results.append(turns[place])
            place += 1
        for number, call in enumerate(calls):
            done.append(replaced(turn, tool_calls=(call,)))
            if not number:
                turn = replaced(turn, content=None, reasoning_content=None)
            own = [result for result in results if result.message.tool_call_id == call.id]
            results = [result for result in results if result not in own]
            done += own
        done += results
    return tuple(done), warnings


# -- as text --

Unfit = Callable[[Turn | None, Turn | None], bool]
"""Whether an exchange must become text: the turn that calls, None where there is none, and the turn after the results."""


def _as_text(turns: Turns, unfit: Unfit) -> Passed:
    """Calls and results as plain text, in assistant and user turns, where the template does not take them otherwise."""
    names: dict[str, str] = {}
    done: list[Turn] = []
    warnings: list[CompileWarning] = []
    called: Turn | None = None
    for results, after in _rounds(turns):
        if (called or results) and unfit(called, after):
            done += [_call_as_text(called)] if called else []
            done += [_result_as_text(result, names) for result in results]
            for turn in ([called] if called else []) + results:
                warnings += turn.warning("calls_as_text", "a tool call or its result as text: the template takes none here")
        else:
            done += [called] if called else []
            done += results
        called = after if after and after.message.tool_calls else None
        done += [after] if after and not called else []
        names |= {call.id: call.name for call in called.message.tool_calls} if called else {}
    return tuple(done), warnings


def _call_as_text(turn: Turn) -> Turn:
    written = [f"[called {call.name} with {dumps(loads(call.arguments))}]" for call in turn.message.tool_calls]
    return replaced(turn, content=paragraphs([turn.message.content, "\n".join(written)]), tool_calls=())


def _result_as_text(turn: Turn, names: Mapping[str, str]) -> Turn:
    message = turn.message
    name = names.get(message.tool_call_id or "") or message.name or "a call"
    return replace(turn, message=Message(Role.USER, f"[result of {name}]\n{message.content or ''}"))
