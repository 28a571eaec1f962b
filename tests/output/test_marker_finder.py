"""Markers in text that comes in pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.parse.marker_finder import MarkerFinder


@pytest.mark.parametrize(
    ("markers", "text", "end", "marker"),
    [
        pytest.param(["<a>"], "x<a>y", 1, "<a>", id="found"),
        pytest.param(["<a>"], "x<a", 1, None, id="held-back"),
        pytest.param(["<a>"], "x<b", 3, None, id="not-held-back"),
        pytest.param(["<a>", "\n<a>"], "x\n<a>", 1, "\n<a>", id="the-first"),
        pytest.param(["<a>", "<a>b"], "<a>b", 0, "<a>b", id="the-longest"),
        pytest.param(["aab"], "aaa", 1, None, id="overlapping-beginnings"),
        pytest.param([], "<a>", 3, None, id="no-markers"),
    ],
)
def test_finds(markers: list[str], text: str, end: int, marker: str | None) -> None:
    assert MarkerFinder(markers).find(text) == (end, marker)


def test_holds_nothing_back_at_the_end() -> None:
    assert MarkerFinder(["<a>"]).find("x<a", last=True) == (3, None)


@given(st.lists(st.text("ab<", min_size=1, max_size=4), min_size=1), st.lists(st.text("ab<", max_size=5)))
def test_finds_in_pieces_what_is_there_in_one(markers: list[str], pieces: list[str]) -> None:
    # A marker that another begins with ends the search before the longer one can be whole: `Text` allows no such markers.
    markers = [marker for marker in markers if not any(marker != other and other in marker for other in markers)]
    text = "".join(pieces)
    found = re.search("|".join(map(re.escape, markers)), text)
    finder = MarkerFinder(markers)
    buffer, before = "", ""
    for number, piece in enumerate([*pieces, ""]):
        buffer += piece
        end, marker = finder.find(buffer, last=number == len(pieces))
        before, buffer = before + buffer[:end], buffer[end:]
        if marker:
            break
        # Only what may become a marker is held back.
        assert any(other.startswith(buffer) and other != buffer for other in markers) or not buffer
    assert (before, marker) == ((text[: found.start()], found.group()) if found else (text, None))
