"""Finds the pieces of calls in what a template wrote: names, ids, arguments, numbers, and the texts between."""

import json
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.markup import common_prefix, common_suffix
from promptweave.compiler.styles.calls import Slot, SyntaxPiece

ID = "zqid0000{}"
"""The ids of probes, with a call's place: nine letters and digits, which even picky templates take."""


@dataclass(frozen=True, slots=True)
class Written:
    """A call that was written: its name, id and arguments. `text`: the arguments, where they are not JSON."""

    name: str
    id: str
    arguments: dict[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True)
class CallShape:
    """`texts[0]` slot `texts[1]` slot ... `texts[-1]`: one text more than there are slots."""

    texts: tuple[str, ...]
    slots: tuple[Slot, ...]

    @property
    def pieces(self) -> tuple[SyntaxPiece, ...]:
        """From the first slot to the last."""
        pieces: list[SyntaxPiece] = [self.slots[0]]
        for text, slot in zip(self.texts[1:-1], self.slots[1:], strict=True):
            pieces += [text, slot] if text else [slot]
        return tuple(pieces)


def shape_of(text: str, *written: Written) -> CallShape | None:
    """Where the calls stand in `text`; None if something of them is missing, or stands there twice."""
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
    """Where `value` stands in `text` as JSON: start and end."""
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
    """The texts around a number that is one more in `other` than in `one`; None if they differ otherwise."""
    before = common_prefix(one, other)
    after = common_suffix(one[len(before) :], other[len(before) :])
    first, second = one[len(before) : len(one) - len(after)], other[len(before) : len(other) - len(after)]
    counts = first.isdecimal() and second.isdecimal() and int(second) == int(first) + 1
    return (before, after) if counts else None


def index_before(opening: str, between: str) -> tuple[str, str, str] | None:
    """Where a number stands before a call's first slot: the opening and the text between without it, and what follows it."""
    after = common_suffix(opening, between)
    first, second = opening[: len(opening) - len(after)], between[: len(between) - len(after)]
    if first[-1:].isdecimal() and second[-1:].isdecimal() and int(second[-1]) == int(first[-1]) + 1:
        return first[:-1], second[:-1], after
    return None
