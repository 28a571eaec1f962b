"""Limits of grammar texts: beyond them the parser's stack overflows and kills the process, or a bound is lost.

Tried with build b11549: GBNF with 30,000 nested brackets crashes it and 10,000 do not; 100,000 rules that each begin with
the next one do, 30,000 do not; a count above 2,000 is silently read as unbounded. llguidance's parser (1.7) limits brackets
itself, and 5,000 rules that each name the next one crash it; 2,000 do not.
"""

import re
from dataclasses import dataclass

from promptweave.inference.errors import RequestError
from promptweave.output.grammar.gbnf import MAX_CHARACTERS, MAX_REPEAT

MAX_NESTING = 1000
"""Maximum depth of nested brackets."""


@dataclass(frozen=True)
class Notation:
    """What is needed to measure texts in a grammar notation."""

    token: re.Pattern[str]
    """Has the groups `head` (a rule's name before its body), `name`, `op` and `count`; `empty` may match the empty text."""
    longest_chain: int
    """How many rules may begin with one another or, if `anywhere`, name one another."""
    anywhere: bool


_STRING = r'"(?:\\.|[^"\\])*"'
_COUNT = r"(?P<count>\{[^{}]*\})"

GBNF = Notation(
    re.compile(
        rf"""(?P<head>[a-zA-Z0-9-]+)\s*::=|(?P<name>[a-zA-Z0-9-]+)|(?P<empty>""|(?:{_STRING}|\[(?:\\.|[^\]\\])*\]|\.)(?=\s*(?:[?*]|\{{\s*0)))
        |{_STRING}|\[(?:\\.|[^\]\\])*\]|<[^>\s]*>|\.|\#[^\n]*|(?P<op>[()|])|{_COUNT}""",
        re.VERBOSE | re.DOTALL,
    ),
    10_000,
    anywhere=False,
)
LARK = Notation(
    re.compile(
        rf"""^(?P<head>\w+)[^:\n"/]*:|(?P<name>\w+)|(?P<empty>(?!))|{_STRING}|//[^\n]*|/(?:\\.|[^/\\\n])+/|<[^>\s]*>|(?P<op>[()|])
        |{_COUNT}""",
        re.VERBOSE | re.DOTALL | re.MULTILINE,
    ),
    1000,
    anywhere=True,
)

_LARGE_COUNT = re.compile(r"\d{4,}")


def check_grammar(text: str, notation: Notation, path: str) -> None:
    """Raise RequestError at `path` for a text that an engine should not be given."""
    if not text.strip():
        raise RequestError("the grammar is empty", path=path)
    if text.startswith("%llguidance"):  # The engine would read it as the other notation.
        raise RequestError("the grammar must not begin with %llguidance", path=path)
    if len(text) > MAX_CHARACTERS:
        raise RequestError(f"the grammar has {len(text)} characters; the maximum is {MAX_CHARACTERS}", path=path)
    # Most texts need no closer check.
    many_rules = text.count("\n") + text.count("::=") > notation.longest_chain
    if many_rules or text.count("(") > MAX_NESTING or (notation is GBNF and _LARGE_COUNT.search(text)):
        _check_depths(text, notation, path)


def _check_depths(text: str, notation: Notation, path: str) -> None:
    rules, named, beginning = dict[str, list[str]](), list[str](), True
    begins = list[bool]()
    for token in notation.token.finditer(text):
        match token.lastgroup:
            case "head":
                named, beginning = rules.setdefault(token["head"], []), True
                begins.clear()
            case "name" if beginning or notation.anywhere:
                named.append(token["name"])
            case "op" if token["op"] == "(":
                begins.append(beginning)
                if len(begins) > MAX_NESTING:
                    raise RequestError(f"parentheses are nested deeper than {MAX_NESTING} levels", path=path)
            case "op" if token["op"] == "|":
                beginning = begins[-1] if begins else True
            case "op":
                # The text in brackets may be empty.
                beginning = begins.pop() if begins else beginning
            case "count" if notation is GBNF:
                if any(int(number) > MAX_REPEAT for number in re.findall(r"\d+", token["count"])):
                    raise RequestError(f"the repetition {token['count']} exceeds the maximum of {MAX_REPEAT}", path=path)
            case None:
                beginning = False
    if _longest_walk(rules) > notation.longest_chain:
        what = "reference" if notation.anywhere else "begin with"
        raise RequestError(
            f"the grammar has a chain of more than {notation.longest_chain} rules that {what} one another", path=path
        )


def _longest_walk(rules: dict[str, list[str]]) -> int:
    """Return the depth of a depth-first walk from each rule to those that it names, visiting none twice."""
    longest, seen = 0, set[str]()
    for start in rules:
        if start in seen:
            continue
        seen.add(start)
        walk = [iter(rules[start])]
        while walk:
            longest = max(longest, len(walk))
            following = next((name for name in walk[-1] if name in rules and name not in seen), None)
            if following is None:
                walk.pop()
            else:
                seen.add(following)
                walk.append(iter(rules[following]))
    return longest
