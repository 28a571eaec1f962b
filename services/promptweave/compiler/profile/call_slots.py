"""Finds the parts of calls in rendered text: names, ids, arguments, numbers, and the text between them."""

import json
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.markup import common_prefix, common_suffix
from promptweave.compiler.styles.calls import Slot, SyntaxPiece

ID = "zqid0000{}"
"""The ids of probe calls, with the call's number: nine letters and digits, which even strict templates accept."""


@dataclass(frozen=True, slots=True)
class Written:
    """A rendered call: its name, id and arguments. `text`: the arguments, if they are not JSON."""

    name: str
    id: str
    arguments: dict[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True)
class CallShape:
    """`texts[0]` slot `texts[1]` slot ... `texts[-1]`: one more text than slots."""

    texts: tuple[str, ...]
    slots: tuple[Slot, ...]

    @property
    def pieces(self) -> tuple[SyntaxPiece, ...]:
        """Return the pieces from the first slot to the last."""
        pieces: list[SyntaxPiece] = [self.slots[0]]
        for text, slot in zip(self.texts[1:-1], self.slots[1:], strict=True):
            pieces += [text, slot] if text else [slot]
        return tuple(pieces)


def shape_of(text: str, *written: Written) -> CallShape | None:
    """Return the shape of the calls in `text`; None if a part of them is missing or overlaps another."""
    spans: list[tuple[int, int, Slot]] = []
    place = 0
    for call in written:
        found = _find_arguments(text, call, place)
        if found is None:
            return None
        spans.append((*found, Slot.ARGUMENTS))
        place = found[1]
    for call in written:
        for slot, word in ((Slot.NAME, call.name), (Slot.ID, call.id)):
            start = text.find(word)
            while start >= 0:
                spans.append((start, start + len(word), slot))
                start = text.find(word, start + 1)
    spans.sort()
    texts, end = [], 0
    for start, stop, _ in spans:
        if start < end:
            return None
        texts.append(text[end:start])
        end = stop
    slots = tuple(slot for _, _, slot in spans)
    if slots.count(Slot.NAME) < len(written):
        return None
    return CallShape((*texts, text[end:]), slots)


def _find_arguments(text: str, call: Written, place: int) -> tuple[int, int] | None:
    if call.text:
        start = text.find(call.text, place)
        return (start, start + len(call.text)) if start >= 0 else None
    return find_json(text, call.arguments, place)


def find_json(text: str, value: object, place: int = 0) -> tuple[int, int] | None:
    """Return the start and end of `value` as JSON in `text`, or None."""
    start = text.find("{", place)
    while start >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            found, end = None, start
        if found == value:
            return start, end
        start = text.find("{", start + 1)
    return None


def split_index(one: str, other: str) -> tuple[str, str] | None:
    """Return the texts around a number that is one higher in `other` than in `one`; None if they differ otherwise."""
    before = common_prefix(one, other)
    after = common_suffix(one[len(before) :], other[len(before) :])
    first, second = one[len(before) : len(one) - len(after)], other[len(before) : len(other) - len(after)]
    counts = first.isdecimal() and second.isdecimal() and int(second) == int(first) + 1
    return (before, after) if counts else None


def index_before(opening: str, between: str) -> tuple[str, str, str] | None:
    """Find a number before a call's first slot; return the opening and the text between without it, and the text after."""
    after = common_suffix(opening, between)
    first, second = opening[: len(opening) - len(after)], between[: len(between) - len(after)]
    if first[-1:].isdecimal() and second[-1:].isdecimal() and int(second[-1]) == int(first[-1]) + 1:
        return first[:-1], second[:-1], after
    return None
