"""Why an answer is wrong: a first cause, found without the model and without BFCL's code, and what differs.

The causes are ordered: the first that applies is the answer's. A person still has to read the answer.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy.bfcl import Call, Question
from benchmarks.accuracy.loose import loose_calls
from benchmarks.accuracy.text import plain
from benchmarks.accuracy.tools import Json, as_tool_name

CAUSES = {
    "error": "the request failed",
    "cut": "the answer reached `max_tokens`",
    "needless call": "a call, though no function fits",
    "call as text": "no call, but the text reads as a call of an offered tool",
    "no call": "no call, and none in the text",
    "not valid": "an unknown name, or arguments that the schema does not allow",
    "repeated call": "the same call more than once",
    "too many calls": "more calls than expected",
    "too few calls": "fewer calls than expected",
    "wrong function": "another function than expected",
    "missing required argument": "",
    "missing optional argument": "an optional argument that the question gives a value for",
    "unwanted argument": "an argument that may not be given: often one that the question does not mention",
    "wrong type": "a value of another type than expected",
    "more text than wanted": "the expected text, and more",
    "less text than wanted": "a part of the expected text",
    "wrong value": "another value than expected",
    "other": "none of these; read what the checker says",
}


@dataclass(frozen=True)
class Difference:
    """What differs in one place between a call and the expected one."""

    cause: str
    place: str
    got: Any = None
    expected: Any = None

    def __str__(self) -> str:
        """Describe it in one line."""
        wanted = f", expected {_short(self.expected)}" if self.expected is not None else ""
        got = f": {_short(self.got)}" if self.got is not None else ""
        return f"{self.cause}: {self.place}{got}{wanted}"


def cause(
    question: Question, calls: list[Call], content: str, finish_reason: str, valid: bool
) -> tuple[str, list[Difference]]:
    """Return the first cause of a wrong answer, and all differences from the expected calls."""
    if finish_reason == "length":
        return "cut", []
    if not question.expected:
        return "needless call", []
    if not calls:
        return ("call as text" if loose_calls(content, question.offered) else "no call"), []
    found = differences(question.expected, calls)
    if not valid:
        return "not valid", found
    if max(Counter(_identity(call) for call in calls).values()) > _repeats(question.expected):
        return "repeated call", found
    if len(calls) != len(question.expected):
        return ("too many calls" if len(calls) > len(question.expected) else "too few calls"), found
    order = list(CAUSES)
    return min((difference.cause for difference in found), key=order.index, default="other"), found


def differences(expected: list[Json], calls: list[Call]) -> list[Difference]:
    """Return what differs; each expected call is compared with the call that is most like it."""
    left, found = list(calls), list[Difference]()
    for wanted in expected:
        if not left:
            found.append(Difference("too few calls", next(iter(wanted))))
            continue
        compared = [list(_compare(wanted, call)) for call in left]
        best = min(range(len(left)), key=lambda place: len(compared[place]))
        found += compared[best]
        del left[best]
    return [*found, *(Difference("too many calls", call.name, call.arguments) for call in left)]


def _compare(wanted: Json, call: Call) -> Iterator[Difference]:
    ((name, parameters),) = wanted.items()
    if as_tool_name(name) != as_tool_name(call.name):
        # More differences than arguments could have, so that a call of the right function is preferred.
        yield from [Difference("wrong function", name, call.name)] * (len(parameters) + 2)
        return
    given = call.values()
    given = given if isinstance(given, dict) else {}
    for parameter, allowed in parameters.items():
        if parameter not in given:
            if "" not in allowed:
                yield Difference("missing optional argument", parameter, expected=allowed)
        elif (why := _why_not(given[parameter], allowed)) is not None:
            yield Difference(why, parameter, given[parameter], allowed)
    for parameter in given.keys() - parameters.keys():
        yield Difference("unwanted argument", parameter, given[parameter])


def _why_not(value: Any, allowed: list[Any]) -> str | None:
    """Return the cause if a value is none of the allowed ones."""
    real = [one for one in allowed if one != ""]
    if any(_same(value, one) for one in allowed):
        return None
    if not real:
        return "unwanted argument"
    if not any(_kind(value) == _kind(one) for one in real):
        return "wrong type"
    texts = [plain(one) for one in real if isinstance(one, str)]
    if isinstance(value, str) and any(text in plain(value) for text in texts):
        return "more text than wanted"
    if isinstance(value, str) and value and any(plain(value) in text for text in texts):
        return "less text than wanted"
    return "wrong value"


def _same(value: Any, wanted: Any) -> bool:
    """Compare as BFCL: texts without case and some punctuation; the values of an object are lists of allowed values."""
    if isinstance(value, str) and isinstance(wanted, str):
        return plain(value) == plain(wanted)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return not value.keys() - wanted.keys() and all(
            _in(value[key], allowed) if key in value else "" in _as_list(allowed) for key, allowed in wanted.items()
        )
    return _kind(value) == _kind(wanted) and bool(value == wanted)


def _in(value: Any, allowed: Any) -> bool:
    return any(_same(value, one) for one in _as_list(allowed))


def _as_list(allowed: Any) -> list[Any]:
    return allowed if isinstance(allowed, list) else [allowed]


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _identity(call: Call) -> str:
    return json.dumps([call.name, call.values()], sort_keys=True)


def _repeats(expected: list[Json]) -> int:
    """Return how often the same call is expected at most."""
    return max(Counter(json.dumps(call, sort_keys=True) for call in expected).values())


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
