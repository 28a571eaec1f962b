"""Transforms of a part's text, against Python's json module, for any split."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.parse.transforms import transformer
from promptweave.output.tree import Transform

TEXTS = st.text(st.characters() | st.sampled_from('\\"/\nu\ud83d\ude00\ud83d\ude00😀\x00'))


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A JSON string, with escapes where there need not be any."""
    hexadecimal = draw(st.sampled_from(["{:04x}", "{:04X}"]))
    short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\r": "\\r"}
    units = []
    for char in draw(TEXTS):
        if char in short and draw(st.booleans()):
            units.append(short[char])
        elif char in '"\\' or char < " " or "\ud800" <= char <= "\udfff" or draw(st.booleans()):
            code = char.encode("utf-16-be", "surrogatepass").hex()
            units += ["\\u" + hexadecimal.format(int(code[place : place + 4], 16)) for place in range(0, len(code), 4)]
        else:
            units.append(char)
    return '"' + "".join(units) + '"'


def split(text: str, cuts: list[int]) -> list[str]:
    places = sorted(cut % (len(text) + 1) for cut in cuts)
    return [text[low:high] for low, high in zip([0, *places], [*places, len(text)], strict=True)]


def said(text: str) -> str:
    """What a JSON string says, as text: half a surrogate pair becomes U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", json.loads(text, strict=False))


CUTS = st.lists(st.integers(0, 1000), max_size=5)


@given(spelled(), CUTS)
def test_decodes_what_json_says(text: str, cuts: list[int]) -> None:
    decode = transformer(Transform.JSON_STRING_DECODE)
    assert "".join(map(decode.push, split(text, cuts))) + decode.end() == said(text)


@given(spelled(), st.integers(0, 1000), CUTS)
def test_decodes_the_beginning_of_what_was_cut(text: str, length: int, cuts: list[int]) -> None:
    decode = transformer(Transform.JSON_STRING_DECODE)
    assert said(text).startswith("".join(map(decode.push, split(text[: length % (len(text) + 1)], cuts))))


def test_takes_white_space_before_a_string() -> None:
    decode = transformer(Transform.JSON_STRING_DECODE)
    assert [decode.push(piece) for piece in (" ", "\n", ' "a', "b", '"')] == ["", "", "a", "b", ""]


def test_gives_every_character_at_once() -> None:
    decode = transformer(Transform.JSON_STRING_DECODE)
    pieces = ['"', "a", "\\", "n", "\\u00", "e9", "\\ud83d", "\\ude00", "\\ud83d", "x", '"']
    assert [decode.push(piece) for piece in pieces] == ["", "a", "", "\n", "", "é", "", "😀", "", "\ufffdx", ""]


@given(st.text(), CUTS)
def test_encodes_what_json_reads(text: str, cuts: list[int]) -> None:
    encode = transformer(Transform.JSON_STRING_ENCODE)
    written = "".join(encode.push(piece) for piece in split(text, cuts) if piece) + encode.end()
    assert written == json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize("text", ["", 'as "it" is\\', "\n"])
def test_no_transform_changes_nothing(text: str) -> None:
    same = transformer(Transform.NONE)
    assert same.push(text) + same.end() == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PIECES = ["{", "}", "[", "]", '"', "a", ":", ",", "1", "-", ".", "e", "true", "NaN", " ", "\\"]
NEARLY_JSON = st.lists(st.sampled_from(PIECES))


def _not_json(name: str) -> None:
    raise ValueError(name)


@given(st.text() | VALUES.map(json.dumps) | NEARLY_JSON.map("".join), CUTS)
def test_json_or_text(text: str, cuts: list[int]) -> None:
    """JSON is that value, unless it is a string or has white space around it; other text is a string."""
    reader = transformer(Transform.JSON_OR_STRING)
    written = "".join(reader.push(piece) for piece in split(text, cuts) if piece) + reader.end()
    try:
        value = json.loads(text, parse_constant=_not_json)
    except ValueError:
        value = text
    is_text = isinstance(value, str) or text.strip(" \t\r\n") != text
    assert written == (json.dumps(text, ensure_ascii=False) if is_text else text)


def test_json_or_text_is_json_only_if_the_schema_allows_it() -> None:
    for text, written in (("4", '"4"'), ("5", "5"), ("{}", '"{}"')):
        reader = transformer(Transform.JSON_OR_STRING, '{"minimum": 5, "not": {"type": "object"}}')
        assert reader.push(text) + reader.end() == written


def test_text_that_cannot_become_json_is_given_at_once() -> None:
    reader = transformer(Transform.JSON_OR_STRING)
    assert [reader.push(piece) for piece in ("1", "2", " apples", " and")] == ["", "", '"12 apples', " and"]
