"""How answers are scored: calls in free text, causes of wrong answers, validity, what the grammar ruled out."""

import json
from typing import Any

import pytest
from benchmarks.accuracy.ask import Reply, row, scored_again
from benchmarks.accuracy.bfcl import Call, Question, Verdict
from benchmarks.accuracy.causes import CAUSES, cause, differences
from benchmarks.accuracy.loose import loose_calls
from benchmarks.accuracy.ruled_out import most_frequent, ruled_out, share

OFFERED = {"tea_brew", "clock"}
BREW = Call("tea_brew", '{"minutes": 3}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "tea.brew", "arguments": {"minutes": 3}}', [BREW]),
        ('Sure:\n```json\n{"name": "tea_brew", "parameters": {"minutes": 3}}\n```', [BREW]),
        ('<tool_call>\n{"name": "tea_brew", "arguments": "{\\"minutes\\": 3}"}\n</tool_call>', [BREW]),
        ('[{"tea_brew": {"minutes": 3}}]', [BREW]),
        ('{"tool_calls": [{"function": {"name": "tea_brew", "arguments": {"minutes": 3}}}]}', [BREW]),
        ("<function=tea_brew>\n<parameter=minutes>\n3\n</parameter>\n</function>", [BREW]),
        ('<function=tea_brew>{"minutes": 3}</function>', [BREW]),
        ("I would call tea.brew(minutes=3).", [BREW]),
        ("tea_brew(minutes=3)\ntea_brew(minutes=3)", [BREW]),
        (
            '{"name": "tea_brew", "arguments": {"minutes": 3}}, {"name": "clock", "arguments": {}}',
            [BREW, Call("clock", "{}")],
        ),
        ('{"name": "coffee", "arguments": {"minutes": 3}}', []),
        ("The function tea_brew takes minutes.", []),
        ('{"name": "tea_brew"}', []),
        ('{"minutes": 3}', []),
        ('{"name": "tea_brew", "arguments": {"minutes": ', []),
        ("tea_brew(minutes=water)", []),
        # A definition that the model repeats from the prompt.
        ('{"name": "tea_brew", "parameters": {"type": "object", "properties": {"minutes": {}}}}', []),
        ("", []),
    ],
)
def test_calls_in_free_text(text: str, expected: list[Call]) -> None:
    assert loose_calls(text, OFFERED) == expected


def question(*expected: Any) -> Question:
    functions = [
        {"name": name, "description": "", "parameters": {"type": "dict", "properties": {}}} for name in ("tea.brew", "clock")
    ]
    functions[0]["parameters"] = {
        "type": "dict",
        "properties": {"kind": {"type": "string"}, "minutes": {"type": "integer"}, "cups": {"type": "integer"}},
        "required": ["kind"],
    }
    return Question("simple", "simple_1", [{"role": "user", "content": "Tea!"}], functions, [*expected])


GREEN = {"tea.brew": {"kind": ["green tea", "Green"], "minutes": [3], "cups": ["", 1]}}


def brew(**arguments: Any) -> Call:
    return Call("tea_brew", json.dumps(arguments))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], "no call"),
        ([Call("clock", "{}")], "wrong function"),
        ([brew(kind="green", minutes=3)] * 2, "repeated call"),
        ([brew(kind="green", minutes=3), brew(kind="black", minutes=3)], "too many calls"),
        ([brew(kind="green")], "missing optional argument"),
        ([brew(kind="green", minutes=3, milk=True)], "unwanted argument"),
        ([brew(kind="green", minutes="3")], "wrong type"),
        ([brew(kind="green", minutes=True)], "wrong type"),
        ([brew(kind="green tea, please", minutes=3)], "more text than wanted"),
        ([brew(kind="gre", minutes=3)], "less text than wanted"),
        ([brew(kind="black", minutes=3)], "wrong value"),
        ([brew(kind="green", minutes=4)], "wrong value"),
        ([brew(kind="black", minutes=3, milk=True)], "unwanted argument"),
        ([brew(kind="GREEN TEA", minutes=3, cups=1)], "other"),
    ],
)
def test_the_first_cause(calls: list[Call], expected: str) -> None:
    assert cause(question(GREEN), calls, "Here you are.", "stop", True)[0] == expected
    assert expected in CAUSES


def test_causes_outside_of_the_calls() -> None:
    right, text = brew(kind="green", minutes=3), '{"name": "tea_brew", "arguments": {}}'
    assert cause(question(GREEN), [right], "", "length", True)[0] == "cut"
    assert cause(question(), [right], "", "stop", True)[0] == "needless call"
    assert cause(question(GREEN), [], text, "stop", True)[0] == "call as text"
    assert cause(question(GREEN), [brew(kind=1)], "", "stop", False)[0] == "not valid"
    assert cause(question(GREEN, {"clock": {}}), [right], "", "stop", True)[0] == "too few calls"


def test_calls_are_compared_with_those_that_are_most_like_them() -> None:
    black = {"tea.brew": {"kind": ["black"], "minutes": [5]}}
    calls = [brew(kind="black", minutes=4), brew(kind="green", minutes=3)]
    (only,) = differences([GREEN, black], calls)
    assert str(only) == "wrong value: minutes: 4, expected [5]"
    assert differences([GREEN, black], list(reversed(calls))) == [only]


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ({"city": "Rome", "days": [1, 2]}, True),
        ({"city": "rome"}, True),
        ({"city": "Rome", "days": [2, 1]}, False),
        ({"days": [1, 2]}, False),
        ({"city": "Rome", "country": "Italy"}, False),
    ],
)
def test_objects_have_lists_of_values(value: Any, same: bool) -> None:
    wanted = {"clock": {"place": [{"city": ["Rome"], "days": ["", [1, 2]]}]}}
    assert (differences([wanted], [Call("clock", json.dumps({"place": value}))]) == []) is same


class _Checker:
    def __init__(self, right: bool) -> None:
        self.right = right

    def verdict(self, question: Question, calls: list[Call]) -> Verdict:
        return Verdict(self.right, "" if self.right else "kind", "" if self.right else "detail")


def scored(reply: Reply, right: bool = False) -> dict[str, Any]:
    return row(question(GREEN), reply, _Checker(right))


def test_a_right_answer_has_no_cause() -> None:
    found = scored(Reply(1.5, [brew(kind="green", minutes=3)], tokens=7), right=True)
    assert found["right"]
    assert found["valid"]
    assert not found.keys() & {"cause", "checker", "error"}


def test_a_wrong_answer_says_why() -> None:
    found = scored(Reply(1.5, [brew(kind="green", minutes=4)]))
    assert (found["cause"], found["checker"]) == ("wrong value", "kind: detail")
    assert found["differences"] == ["wrong value: minutes: 4, expected [3]"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    "call",
    [brew(minutes=3), brew(kind=3), Call("coffee", "{}"), Call("tea_brew", '{"kind": "green"'), Call("tea_brew", "[]")],
    ids=["missing", "type", "name", "cut", "not an object"],
)
def test_invalid_calls_are_counted(call: Call) -> None:
    assert not scored(Reply(1, [brew(kind="green"), call], finish_reason="tool_calls"))["valid"]
    # Nothing is promised of the last call of an answer that was cut.
    assert scored(Reply(1, [brew(kind="green"), call], finish_reason="length"))["valid"]
    assert not scored(Reply(1, [call, brew(kind="green")], finish_reason="length"))["valid"]


def test_a_saved_answer_is_scored_again() -> None:
    saved = {"model": "m", "mode": "auto", **scored(Reply(1.5, [brew(kind="green", minutes=4)], "Tea.", "tool_calls", 9))}
    again = scored_again(question(GREEN), {**saved, "cause": "other"}, _Checker(False))
    assert again == saved
    right = scored_again(question(GREEN), saved, _Checker(True))
    assert right["right"]
    assert not right.keys() & {"cause", "differences", "checker"}
    free = {**saved, "mode": "free", "content": 'tea.brew(kind="green")', "calls": []}
    assert scored_again(question(GREEN), free, _Checker(False))["cause"] == "missing optional argument"


def test_a_failed_request_is_a_row() -> None:
    found = scored(Reply(0.1, error="500: no"))
    assert (found["right"], found["cause"], found["error"]) == (False, "error", "500: no")


def token(text: str, first: str | None = None, region: str | None = "content") -> dict[str, Any]:
    first = text if first is None else first
    candidate = {"id": hash(first), "token": first}
    return {"id": hash(text), "token": text, "region": region, "logprob": -1.234, "top_logprobs": [candidate]}


def test_tokens_that_replace_the_first_choice_are_counted() -> None:
    found = ruled_out([token("{", "Sure", None), token("a"), token("b", "c"), token("d")])
    assert found["read_tokens"] == 4
    assert [(one["place"], one["before"], one["wanted"], one["got"]) for one in found["ruled_out"]] == [
        ("syntax, first token", "", "Sure", "{"),
        ("content", "{a", "c", "b"),
    ]
    rows = [found, found, {"right": True}]
    assert share(rows) == (4, 8)
    assert [*most_frequent(rows, 1)] == [(2, "syntax, first token", "Sure", "{", "")]
