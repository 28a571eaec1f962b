"""Derives the syntax of arguments that are not one JSON object, from renders of zero, one and two of them, of each type."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.json_text import dumps
from promptweave.compiler.markup import common_prefix
from promptweave.compiler.profile.value_syntax import PLAIN, VALUES, RenderValue, common_ends, derive_items, json_forms
from promptweave.compiler.styles.arguments import KEY, ArgumentSyntax, Form

Body = Callable[[dict[str, Any]], str | None]
"""Returns the text after the call's name, up to the end of the turn, for some arguments."""

QUOTED = 'zq "quoted" \\ é'


@dataclass(frozen=True, slots=True)
class Arguments:
    """The derived syntax, the text between the call's name and it, and the text that closes the last call."""

    syntax: ArgumentSyntax
    before: str
    closing: str


def derive_arguments(body: Body, notes: list[str], depth: int = 0) -> tuple[Arguments | None, str]:
    """Derive the syntax of arguments, or return why there is none. `depth`: the number of objects around them."""
    raw, why = _string_form(body)
    if raw is None:
        return None, why
    one, two, none = body({"zqkey": PLAIN}), body({"zqkey": PLAIN, "zqnext": PLAIN}), body({})
    if one is None or two is None or none is None:
        return None, "calls without arguments, or with two, cannot be rendered"
    before_key, _, after_key = one.partition("zqkey")
    middle, _, after = after_key.partition(PLAIN)
    if not raw:
        middle, after = middle.removesuffix('"'), after.removeprefix('"')
    second = two.partition("zqnext")
    join = second[0].partition(PLAIN)[2] if raw else second[0].partition(f'"{PLAIN}"')[2]
    if not second[1] or not join:
        return None, "the separator of arguments was not found"
    join, after, middle = (text.replace("zqkey", KEY) for text in (join, after, middle))
    # A value is closed by a tag, or by all the text that follows each value alike.
    end = next((end for end in common_ends(join, after) if none.endswith(after.removeprefix(end))), None)
    if end is None:
        return None, "calls without arguments end differently"
    if raw and not end.strip():
        return None, "unquoted strings have no end marker"
    closing = after.removeprefix(end)
    zero = none[: len(none) - len(closing)]
    before = common_prefix(zero, before_key)

    def value_at(value: Any) -> str | None:
        written = body({"zqkey": value})
        if written is None or not written.startswith(before_key + "zqkey") or not written.endswith(closing):
            return None
        return written[len(before_key) + len("zqkey") : len(written) - len(closing)].replace("zqkey", KEY)

    forms = {"string": Form(middle, end, raw), **json_forms(value_at, notes)}
    sorted_keys = _order(body)
    syntax = ArgumentSyntax(zero[len(before) :], before_key[len(before) :], join.removeprefix(end), forms, sorted_keys)
    if not {"object", "array"} <= forms.keys() and depth < 2:
        syntax = derive_inside(syntax, value_of_member(body, before_key, closing, depth), depth)
    if depth == 0:
        notes += _notes(syntax)
    return Arguments(syntax, before, closing), ""


def value_of_member(body: Body, before_key: str, closing: str, depth: int) -> RenderValue:
    """Return a function that renders what is between an argument's key and the text after the argument.

    The argument's key differs from the keys inside its value.
    """
    key = f"zqout{depth}er"

    def at(value: Any) -> str | None:
        written = body({key: value})
        start = before_key + key
        if written is None or not written.startswith(start) or not written.endswith(closing):
            return None
        return written[len(start) : len(written) - len(closing)].replace(key, KEY)

    return at


def derive_inside(syntax: ArgumentSyntax, at: RenderValue, depth: int) -> ArgumentSyntax:
    """Add the syntax of objects and arrays that are not JSON, as far as it can be found. It is verified with the rest."""
    inner, _ = derive_arguments(at, [], depth + 1)
    forms = dict(syntax.forms)
    if inner and "object" not in forms:
        forms["object"] = Form(inner.before, inner.closing, inside=True)
    found = derive_items(at, raw=forms["string"].raw)
    if found and "array" not in forms:
        forms["array"] = Form(found.opening, found.closing, inside=True)
    syntax = replace(syntax, forms=forms)
    if found:
        items = dict(found.forms)
        nested = derive_items(found.at, raw=forms["string"].raw)
        if nested:
            items["array"] = Form(nested.opening, nested.closing, inside=True)
        in_item, _ = derive_arguments(found.at, [], 2)
        if in_item:
            items["object"] = Form(in_item.before, in_item.closing, inside=True)
        syntax = replace(syntax, items=items, separator=found.separator)
    if inner and depth == 0:
        same = replace(inner.syntax, items=syntax.items, separator=syntax.separator, nested=None)
        syntax = replace(syntax, nested=None if same == syntax else same)
    return syntax


def _notes(syntax: ArgumentSyntax) -> list[str]:
    inside = [name for name in ("object", "array") if name in syntax.forms and syntax.forms[name].inside]
    missing = [name for name in VALUES if name not in syntax.forms]
    notes = [f"values of the types {', '.join(inside)} have a notation of their own"] if inside else []
    if missing:
        notes.append(f"arguments of the types {', '.join(missing)} are not rendered as JSON; calls write them as JSON")
    return [*notes, *(["arguments are rendered in alphabetical order"] if syntax.sorted_keys else [])]


def _string_form(body: Body) -> tuple[bool | None, str]:
    """Return whether strings are verbatim (True) or JSON (False); None, with the reason, if they are neither."""
    quoted = body({"zqkey": QUOTED})
    if quoted is None or "zqkey" not in quoted:
        return None, "the arguments were not found in the rendered call"
    if dumps(QUOTED) in quoted:
        return False, ""
    if QUOTED in quoted:
        return True, ""
    return None, "the template alters strings"


def _order(body: Body) -> bool:
    """Return whether the template sorts the arguments."""
    written = body({"zqz": PLAIN, "zqa": PLAIN}) or ""
    return written.find("zqa") < written.find("zqz")
