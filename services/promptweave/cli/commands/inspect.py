"""`promptweave inspect`: describes a chat template."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from promptweave.cli.jsonl import give_up, print_json
from promptweave.cli.options.template import TO_TRY, read_template, template_options
from promptweave.cli.terminal import show_rows
from promptweave.compiler.errors import TemplateError
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.styles.arguments import KEY, Form


@click.command("inspect")
@template_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: Path | None, template: Path | None, bos: str, eos: str, as_json: bool) -> None:
    """Describe a chat template: roles, tools, syntax of tool calls and reasoning, and which fallbacks apply and why.

    \b
    Example:
      promptweave inspect --model model.gguf
    """
    given = read_template(model, template, bos, eos)
    if given is None:
        give_up(f"invalid: no chat template; pass --model FILE (a GGUF) or --template FILE (its Jinja text) ({TO_TRY})")
    try:
        found = profile(given)
    except TemplateError as error:
        give_up(f"invalid: {template or model}: {error.message}")
    if as_json:
        print_json({**_plain(found), "style": found.style, "template_hash": given.content_hash})
    else:
        show_rows(*_page(found, given.content_hash))


def _plain(found: Profile) -> dict[str, Any]:
    """Return the profile as JSON. The pieces of a call are its literal texts and NAME, ID etc. for what is filled in."""
    plain = asdict(found)
    plain["call_example"] = found.calls.example() if found.calls else None
    if found.calls:
        pieces = [piece if isinstance(piece, str) else piece.name for piece in found.calls.call]
        plain["calls"] |= {"call": pieces, "middle": found.calls.middle, "markers": found.calls.markers}
    return plain


def _forms(forms: Mapping[str, Form]) -> str:
    """Describe how values of each type are written; types with the same notation share a line."""
    alike: dict[str, list[str]] = {}
    for name, form in forms.items():
        words = ", ".join(f"{word} for {meant}" for meant, word in form.words if word != meant)
        how = "plain text" if form.raw else "its parts in the same notation" if form.inside else words or "JSON"
        alike.setdefault(f"{how}, up to {form.end!r}".replace(KEY, "KEY") if form.end else how, []).append(name)
    return "\n".join(f"{', '.join(names)}: {how}" for how, names in alike.items())


def _page(found: Profile, content_hash: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the profile as rows of names and texts, and its notes."""
    lines = [
        ("template", content_hash[:16]),
        ("style", found.style),
        ("system messages", "rendered" if found.system_role else "not rendered; merged into the user message"),
        ("tools", "rendered by the template" if found.tools_published else "not rendered; described in the system turn"),
        ("tool results", "rendered" if found.tool_results else "not rendered; sent as user messages"),
        ("call arguments", "passed as an object" if found.arguments_as_object else "passed as JSON text"),
        ("generation prompt", repr(found.generation_prompt)),
        ("end of turn", repr(found.turn_end)),
    ]
    if found.answer.header or found.answer.end:
        lines.append(("content", f"{found.answer.header!r} ... {found.answer.end!r}"))
    if found.stops:
        lines.append(("stops at", ", ".join(map(repr, found.stops))))
    if found.calls:
        lines.append(("parallel calls", "yes" if found.calls.between else "no"))
        told = (
            "as the prompt instructs the model" if found.calls_as_content else "as the template renders calls of the history"
        )
        lines.append(("call syntax", told))
        if found.calls.arguments:
            lines.append(("argument values", _forms(found.calls.arguments.forms)))
        lines += [("call marker", repr(found.calls.marker)), ("calls", "\n" + found.calls.example())]
    if found.reasoning:
        lines.append(("reasoning", f"{found.reasoning.opening!r} ... {found.reasoning.closing!r}"))
    return lines, [*found.notes]
