"""`promptweave schema`: a JSON Schema in, its grammar out."""

import sys
from typing import Any

import click

from promptweave.cli.jsonl import answer_lines, give_up, read_text, refuse
from promptweave.compiler.errors import RequestError, SchemaError, UnsupportedError
from promptweave.compiler.json_schema.compile import CompiledSchema, compile_schema
from promptweave.compiler.json_text import COMPACT, SPACED


@click.command("schema")
@click.option(
    "--dialect", type=click.Choice(["gbnf", "llguidance"]), default="gbnf", show_default=True, help="The grammar's notation."
)
@click.option(
    "--no-strict", is_flag=True, help="Warn about keywords that cannot be enforced, instead of refusing the schema."
)
@click.option("--compact", is_flag=True, help="Values without white space, not with `, ` and `: ` between their parts.")
@click.option(
    "--jsonl",
    is_flag=True,
    help='Read {"schema", "dialect", "strict", "compact"} a line, print {"result"} or {"error"} for each.',
)
def command(dialect: str, no_strict: bool, compact: bool, jsonl: bool) -> None:
    """Turn the JSON Schema on stdin into a grammar on stdout.

    Every text of the grammar is a valid JSON value of the schema. What cannot be kept to is refused: exit code 2, and one
    line that names the place and the keyword. Warnings go to stderr.

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
    raise UnsupportedError(f"there is no dialect {dialect!r}: there are gbnf and llguidance", path="/dialect")


def _answer(line: Any, dialect: str, *, strict: bool, compact: bool) -> dict[str, Any]:
    if not isinstance(line, dict) or "schema" not in line:
        raise RequestError('a line is an object with the key "schema"', path="")
    flags = {"strict": line.get("strict", strict), "compact": line.get("compact", compact)}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise RequestError("true or false is needed", path=f"/{name}")
    compiled = _compile(line["schema"], line.get("dialect", dialect), **flags)
    warnings = [
        {"path": warning.pointer, "message": warning.message, "loosened": warning.loosened} for warning in compiled.warnings
    ]
    return {"grammar": compiled.grammar, "warnings": warnings}
