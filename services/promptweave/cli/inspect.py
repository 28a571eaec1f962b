"""`promptweave inspect`: what a chat template does, as a person reads it."""

from dataclasses import asdict
from pathlib import Path

import click

from promptweave.cli.jsonl import give_up, print_json
from promptweave.cli.template_options import read_template, template_options
from promptweave.compiler.errors import TemplateError
from promptweave.compiler.profile import Profile, profile


@click.command("inspect")
@template_options
@click.option("--json", "as_json", is_flag=True, help="For a program: one JSON object.")
def command(model: Path | None, template: Path | None, bos: str, eos: str, as_json: bool) -> None:
    """Describe a chat template: roles, tools, how it writes calls and reasoning, and what falls back and why.

    \b
    Example:
      promptweave inspect --model model.gguf
    """
    given = read_template(model, template, bos, eos)
    if given is None:
        give_up("invalid: no chat template: give --model FILE (a GGUF) or --template FILE (its Jinja text)")
    try:
        found = profile(given)
    except TemplateError as error:
        give_up(f"invalid: {template or model}: {error.message}")
    if as_json:
        example = found.calls.example() if found.calls else None
        print_json({**asdict(found), "style": found.style, "call_example": example, "template_hash": given.content_hash})
    else:
        click.echo(_page(found, given.content_hash))


def _page(found: Profile, content_hash: str) -> str:
    lines = [
        ("template", content_hash[:16]),
        ("style", found.style),
        ("system messages", "shown" if found.system_role else "not shown; put before the user's"),
        ("tools", "shown by the template" if found.tools_published else "not shown; put into the system turn"),
        ("tool results", "shown" if found.tool_results else "not shown; written as user turns"),
        ("calls' arguments", "given as an object" if found.arguments_as_object else "given as JSON text"),
        ("asks for an answer with", repr(found.generation_prompt)),
        ("ends an answer with", repr(found.turn_end)),
    ]
    if found.calls:
        lines += [("a call is known by", repr(found.calls.marker)), ("calls", "\n" + found.calls.example())]
    if found.reasoning:
        lines.append(("reasoning", f"{found.reasoning.opening!r} ... {found.reasoning.closing!r}"))
    width = max(len(name) for name, _ in lines) + 2
    page = [f"{name:<{width}}" + value.replace("\n", "\n" + " " * width) for name, value in lines]
    page += ["", *(f"- {note}" for note in found.notes)]
    return "\n".join(line.rstrip() for line in "\n".join(page).split("\n"))
