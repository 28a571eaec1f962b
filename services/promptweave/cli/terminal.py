"""Human-readable output on stdout: in color if it is a terminal and NO_COLOR is not set, else plain text."""

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

from rich.console import Console
from rich.text import Text

from promptweave.compiler.compile import Compiled
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.explain.provenance import PromptPart
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.special_tokens import spellings

_NAME, _SAID, _SPECIAL, _QUIET, _WARNED = "bold", "cyan", "magenta", "dim", "yellow"


def _print(text: Text) -> None:
    # The terminal wraps lines; nothing in them is markup.
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    Console(file=sys.stdout, color_system=colours, highlight=False, markup=False).print(text, soft_wrap=True)


def show_rows(rows: Sequence[tuple[str, str]], notes: Sequence[str]) -> None:
    """Print names and texts in two columns, then notes."""
    width = max(len(name) for name, _ in rows) + 2
    page = Text()
    for name, value in rows:
        first, *more = value.split("\n")
        page.append(f"{name:<{width}}" if first else name, _NAME).append(f"{first}\n")
        for line in more:
            page.append(f"{' ' * width}{line}".rstrip() + "\n")
    for note in notes:
        page.append("\n- ", _QUIET).append(note)
    _print(page)


def show_compiled(request: ChatRequest, compiled: Compiled, template: ChatTemplate) -> None:
    """Print warnings, the prompt with the parts from the request marked, and the grammar by schema path."""
    told = explain(request, template, compiled)
    page = Text()
    for warning in compiled.warnings:
        page.append(f"warning  {warning.path or '/'}: {warning.message}\n", _WARNED)
    page.append("prompt\n", _NAME)
    if not told.parts:
        page.append("(the template inspects its input, so the origin of its text cannot be determined)\n", _WARNED)
    for part in told.parts or (PromptPart(compiled.prompt, ""),):
        page.append_text(_part(part, template))
    page.append("\n\nstyle", _NAME).append(f"  {compiled.style}\n")
    page.append("stops at", _NAME).append(f"  {', '.join(map(repr, compiled.stop)) or 'the end of the turn'}\n")
    page.append("\ngrammar\n", _NAME)
    if compiled.grammar is None:
        page.append("any text is allowed\n")
    rules = [line.partition(" ::= ") for line in (compiled.grammar or "").splitlines() if line]
    for path, same in groupby(rules, key=lambda rule: told.rules.get(rule[0], "")):
        page.append(f"# {path or 'calling style, or shared'}\n", _SAID if path else _QUIET)
        for name, arrow, body in same:
            page.append(name, _NAME).append(f"{arrow}{body}\n")
    page.rstrip()
    _print(page)


def _part(part: PromptPart, template: ChatTemplate) -> Text:
    """Format a part of a prompt. Text from the request is prefixed with its path in brackets, visible without colors."""
    if part.path:
        return Text(f"⟦{part.path}⟧", _QUIET).append(part.text, _SAID)
    text = Text()
    for piece, special in _specials(part.text, template):
        text.append(piece, _SPECIAL if special else _QUIET)
    return text


def _specials(text: str, template: ChatTemplate) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of the text, each with whether it is a special token."""
    known, at = spellings(template), 0
    for place in known.places(text):
        if place >= at:
            end = place + known.longest(text, place)
            yield text[at:place], False
            yield text[place:end], True
            at = end
    yield text[at:], False
