"""Derives how values are written: scalars and JSON by the text around them, arrays by renders of zero, one and two items."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.json_text import dumps
from promptweave.compiler.json_text import loads as read_json
from promptweave.compiler.markup import common_prefix, common_suffix, whole_tags
from promptweave.compiler.styles.arguments import Form

RenderValue = Callable[[Any], str | None]
"""Returns the rendered value with the texts around it; None if it cannot be found."""

PLAIN = "zqvalue"
OTHER = "zqsecond"
VALUES: dict[str, list[Any]] = {
    "string": [PLAIN],
    "integer": [731],
    "number": [7.25],
    "boolean": [True, False],
    "null": [None],
    "object": [{"zqin": ["zqel", 7]}],
    "array": [["zqel", 7]],
}


@dataclass(frozen=True, slots=True)
class Items:
    """How arrays are written: `opening` ITEM (`separator` ITEM)* `closing`. `at` renders an item."""

    opening: str
    closing: str
    separator: str
    forms: Mapping[str, Form]
    at: RenderValue


def json_forms(at: RenderValue, notes: list[str]) -> dict[str, Form]:
    """Return the forms of all types except string whose values are JSON or words."""
    found = {name: _form(at, name, notes) for name in VALUES if name != "string"}
    return {name: form for name, form in found.items() if form}


def _form(at: RenderValue, name: str, notes: list[str]) -> Form | None:
    found: list[dict[tuple[str, str], str]] = []
    for value in VALUES[name]:
        text = at(value)
        if text is None:
            return None
        found.append(_splits(text, dict.fromkeys((dumps(value), str(value), _unspaced(value)))))
    # All values of a type have the same texts around them; the word of one may also appear in a tag (`string="false"`).
    around = [split for split in found[0] if all(split in others for others in found)]
    if not around:
        return None
    middle, end = max(around, key=lambda split: len(split[0]))
    spelled = [splits[middle, end] for splits in found]
    words: tuple[tuple[str, str], ...] = ()
    if name in ("boolean", "null"):
        pairs = [(dumps(value), text) for value, text in zip(VALUES[name], spelled, strict=True)]
        words = tuple((meant, text) for meant, text in pairs if meant != text)
    elif not _is_json(spelled[0]):
        notes.append(f"the template prints values of the type {name} as Python does; the prompt requests JSON")
    return Form(middle, end, words=words)


def derive_items(at: RenderValue, *, raw: bool) -> Items | None:
    """Derive how arrays that are not JSON are written. `raw`: strings are verbatim."""
    first, second = (PLAIN, OTHER) if raw else (f'"{PLAIN}"', f'"{OTHER}"')
    one, two, none = at([PLAIN]), at([PLAIN, OTHER]), at([])
    if not one or not two or none is None or first not in one or second not in two:
        return None
    before, _, after = one.partition(first)
    between = two.partition(first)[2].partition(second)[0]
    for end in common_ends(between, after):
        start = common_suffix(between.removeprefix(end), before)
        opening, closing = before.removesuffix(start), after.removeprefix(end)
        if opening + closing == none and (end.strip() or not raw):
            break
    else:
        return None

    def item(value: Any) -> str | None:
        written = at([value])
        if written is None or not written.startswith(opening) or not written.endswith(closing):
            return None
        return written[len(opening) : len(written) - len(closing)]

    separator = between.removeprefix(end).removesuffix(start)
    return Items(opening, closing, separator, {"string": Form(start, end, raw), **json_forms(item, [])}, item)


def common_ends(between: str, after: str) -> Iterator[str]:
    """Yield the texts that may close a value: the common prefix of `between` (between two) and `after` (after the last).

    It is cut after its last complete tag first, and is then taken in full.
    """
    same = common_prefix(between, after)
    yield from dict.fromkeys((whole_tags(same), same))


def _splits(text: str, spellings: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the texts around each occurrence of a value."""
    splits: dict[tuple[str, str], str] = {}
    for spelled in spellings:
        start = text.find(spelled)
        while start >= 0:
            splits.setdefault((text[:start], text[start + len(spelled) :]), spelled)
            start = text.find(spelled, start + 1)
    return splits


def _unspaced(value: Any) -> str:
    return dumps(value).replace(", ", ",").replace(": ", ":")


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except ValueError:
        return False
    return True
