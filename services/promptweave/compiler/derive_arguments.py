"""Derives how arguments are written that are not one JSON object: by renders of no, one and two of them, of each type."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.json_text import dumps
from promptweave.compiler.json_text import loads as read_json
from promptweave.compiler.markup import common_prefix, whole_tags
from promptweave.compiler.styles.arguments import KEY, ArgumentSyntax, Form

Body = Callable[[dict[str, Any]], str | None]
"""What follows the call's name, for arguments, to the end of the turn."""

PLAIN = "zqvalue"
QUOTED = 'zq "quoted" \\ é'
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
class Arguments:
    """What was found: the syntax, what stands before it after the name, and what closes the last call."""

    syntax: ArgumentSyntax
    before: str
    closing: str


def derive_arguments(body: Body, notes: list[str]) -> tuple[Arguments | None, str]:
    """The syntax of arguments, or why there is none."""
    raw, why = _string_form(body)
    if raw is None:
        return None, why
    one, two, none = body({"zqkey": PLAIN}), body({"zqkey": PLAIN, "zqnext": PLAIN}), body({})
    if one is None or two is None or none is None:
        return None, "calls without arguments, or with two, are not written"
    before_key, _, after_key = one.partition("zqkey")
    middle, _, after = after_key.partition(PLAIN)
    if not raw:
        middle, after = middle.removesuffix('"'), after.removeprefix('"')
    second = two.partition("zqnext")
    join = second[0].partition(PLAIN)[2] if raw else second[0].partition(f'"{PLAIN}"')[2]
    if not second[1] or not join:
        return None, "what stands between two arguments was not found"
    join, after, middle = (text.replace("zqkey", KEY) for text in (join, after, middle))
    # What closes a value is a tag, or all that is the same after each.
    ends = (whole_tags(common_prefix(join, after)), common_prefix(join, after))
    end = next((end for end in ends if none.endswith(after.removeprefix(end))), None)
    if end is None:
        return None, "calls without arguments end otherwise"
    if raw and not end.strip():
        return None, "nothing closes a string that stands there as it is"
    closing = after.removeprefix(end)
    zero = none[: len(none) - len(closing)]
    before = common_prefix(zero, before_key)
    forms = {"string": Form(middle, end, raw)}
    for name in VALUES:
        if name != "string" and (form := _form(body, name, before_key, closing, notes)):
            forms[name] = form
    missing = [name for name in VALUES if name not in forms]
    if missing:
        notes.append(
            f"arguments of the types {', '.join(missing)} are not written as JSON: tools that need them get another style"
        )
    keys = _order(body)
    if keys:
        notes.append("arguments are written in alphabetical order")
    syntax = ArgumentSyntax(zero[len(before) :], before_key[len(before) :], join.removeprefix(end), forms, keys)
    return Arguments(syntax, before, closing), ""


def _string_form(body: Body) -> tuple[bool | None, str]:
    """Whether strings stand there as they are, or as JSON."""
    quoted = body({"zqkey": QUOTED})
    if quoted is None or "zqkey" not in quoted:
        return None, "arguments are not written in a way that can be found"
    if dumps(QUOTED) in quoted:
        return False, ""
    if QUOTED in quoted:
        return True, ""
    return None, "strings are changed when they are written"


def _form(body: Body, name: str, before_key: str, closing: str, notes: list[str]) -> Form | None:
    """The form of values of a type that is not string."""
    found: list[dict[tuple[str, str], str]] = []
    for value in VALUES[name]:
        written = body({"zqkey": value})
        if written is None or not written.startswith(before_key + "zqkey") or not written.endswith(closing):
            return None
        text = written[len(before_key) + len("zqkey") : len(written) - len(closing)].replace("zqkey", KEY)
        found.append(_splits(text, dict.fromkeys((dumps(value), str(value), _unspaced(value)))))
    # The same texts stand around all values of a type; the word of one may stand in a tag, too (`string="false"`).
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
        notes.append(f"the template prints values of the type {name} as Python does; JSON is asked for")
    return Form(middle, end, words=words)


def _splits(text: str, spellings: Iterable[str]) -> dict[tuple[str, str], str]:
    """What stands around each occurrence of a value."""
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


def _order(body: Body) -> bool:
    """Whether the template sorts the arguments."""
    written = body({"zqz": PLAIN, "zqa": PLAIN}) or ""
    return written.find("zqa") < written.find("zqz")
