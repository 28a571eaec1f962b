"""The JSON reader, against Python's json module."""

import json
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptweave.output.parse.json_scanner import JsonReader

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(), values, max_size=3)),
    max_leaves=10,
)


def read(pieces: list[str]) -> tuple[str, bool, bool]:
    """What was taken, whether the value is whole, and whether something wrong was met."""
    reader, buffer, taken = JsonReader(), "", ""
    for piece in pieces:
        buffer += piece
        place, wrong = reader.read(buffer, 0)
        taken, buffer = taken + buffer[:place], buffer[place:]
        if wrong:
            return taken, False, True
    return taken, reader.end(), False


def is_json(text: str) -> bool:
    def refuse(_: str) -> NoReturn:
        raise ValueError

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.lists(st.integers(0, 1000), max_size=5))
def test_takes_a_value_in_any_pieces_and_no_more(value: Any, escaped: bool, indent: int | None, cuts: list[int]) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    places = sorted(cut % (len(text) + 1) for cut in cuts)
    pieces = [text[low:high] for low, high in zip([0, *places], [*places, len(text)], strict=True)]
    assert read(pieces) == (text, True, False)
    assert read([*pieces, "<after>"]) == (text, True, False)


@given(st.text(alphabet=' \n[]{}",:\\u0019-+.eEtrufalsn\x01é', max_size=8))
@example('"\\ud800"')
@example("[1,]")
@example("01")
@example("-")
@example("1.e1")
@example('{"a":1,}')
@example('{"a" 1}')
@example("tru")
@example('"\\x"')
@example('"\x1f"')
def test_agrees_with_json_about_what_is_json(text: str) -> None:
    # White space after a value is not the reader's.
    taken, whole, _ = read([text])
    assert (whole and not text[len(taken) :].strip(" \t\n\r")) == is_json(text)
    assert read(list(text))[:2] == (taken, whole) or not whole


@pytest.mark.parametrize("text", ['{"a": [1, "\\u00', '"\\', "[", "-", '{"a"', "1e", "tr"])
def test_what_was_cut_is_neither_whole_nor_wrong(text: str) -> None:
    _, whole, wrong = read([text])
    assert (whole, wrong) == (False, False)


def test_takes_a_string_but_for_an_escape_that_is_cut() -> None:
    reader = JsonReader()
    assert reader.read('"ab\\u00', 0) == (3, False)
