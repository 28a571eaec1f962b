"""`promptweave schema`: converts a JSON Schema to a grammar."""

import sys
from typing import Any

import click

from promptweave.cli.jsonl import answer_lines, give_up, read_text, refuse
from promptweave.compiler.errors import RequestError, SchemaError, UnsupportedError
from promptweave.compiler.json_schema.compile import CompiledSchema, compile_schema
from promptweave.compiler.json_text import COMPACT, SPACED


@click.command("schema")
@click.option(
    "--dialect",
    type=click.Choice(["gbnf", "llguidance"]),
    default="gbnf",
    show_default=True,
    help="Notation of the grammar.",
)
@click.option(
    "--no-strict", is_flag=True, help="Warn about keywords that cannot be enforced instead of rejecting the schema."
)
@click.option("--compact", is_flag=True, help="Generate values without whitespace, instead of `, ` and `: ` as separators.")
@click.option(
    "--jsonl",
    is_flag=True,
    help='Read one {"schema", "dialect", "strict", "compact"} per line; print {"result"} or {"error"} for each.',
)
def command(dialect: str, no_strict: bool, compact: bool, jsonl: bool) -> None:
    """Convert the JSON Schema on stdin to a grammar on stdout.

    The grammar accepts only JSON values that are valid under the schema. Schemas that cannot be enforced exit with code 2
    and one line that names the path and the keyword. Warnings go to stderr.

    \b
    Example:
      echo '{"type": "object", "properties": {"city": {"type": "string"}}}' | promptweave schema
    """
    if jsonl:
        answer_lines(lambda line: _answer(line, dialect, strict=not no_strict, compact=compact))
        return
    try:
        compiled = _compile(read_text("schema"), dialect, strict=not no_strict, compact=compact)
    except UnsupportedError as error:
        give_up(f"unsupported: --dialect {dialect}: {error.message}")
    except SchemaError as error:
        refuse(error)
    for warning in compiled.warnings:
        print(f"warning: {warning.pointer}: {warning.message}", file=sys.stderr)
    sys.stdout.write(compiled.grammar)


def _compile(schema: Any, dialect: str, *, strict: bool, compact: bool) -> CompiledSchema:
    match dialect:
        case "gbnf" | "llguidance":
            separators = COMPACT if compact else SPACED
            return compile_schema(schema, strict=strict, dialect=dialect, separators=separators)
    raise UnsupportedError(f"{dialect!r} is not a dialect; use gbnf or llguidance", path="/dialect")


def _answer(line: Any, dialect: str, *, strict: bool, compact: bool) -> dict[str, Any]:
    if not isinstance(line, dict) or "schema" not in line:
        raise RequestError('a line must be an object with the key "schema"', path="")
    flags = {"strict": line.get("strict", strict), "compact": line.get("compact", compact)}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise RequestError("must be true or false", path=f"/{name}")
    compiled = _compile(line["schema"], line.get("dialect", dialect), **flags)
    warnings = [
        {"path": warning.pointer, "message": warning.message, "loosened": warning.loosened} for warning in compiled.warnings
    ]
    return {"grammar": compiled.grammar, "warnings": warnings}
