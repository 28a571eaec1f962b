"""JSON Schema → grammar text: what `promptweave schema`, CompileSchema and Python callers use."""

from dataclasses import dataclass
from typing import Any

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_text import loads
from promptweave.compiler.schema import Schema, SchemaWarning, read_schema
from promptweave.compiler.schema_grammar import schema_expr
from promptweave.output.gbnf import to_gbnf
from promptweave.output.grammar import Expr, Rules


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A schema's grammar (GBNF, starting at `root`) and what it does not enforce."""

    grammar: str
    warnings: tuple[SchemaWarning, ...]


def compile_schema(schema: str | dict[str, Any] | bool, *, strict: bool = True) -> CompiledSchema:
    """A schema (JSON text, or what it parses to) as a grammar, with JSON Schema's open objects. Raises SchemaError."""
    rules = Rules()
    root, warnings = embed_schema(load_schema(schema) if isinstance(schema, str) else schema, rules, strict=strict)
    return CompiledSchema(to_gbnf(rules.grammar(root)), warnings)


def load_schema(text: str) -> dict[str, Any] | bool:
    """A schema's text. Raises SchemaError."""
    try:
        schema: dict[str, Any] | bool = loads(text)
    except ValueError as error:
        raise SchemaError("invalid", "", f"not JSON: {error}") from None
    return schema


def embed_schema(
    schema: dict[str, Any] | bool,
    rules: Rules,
    *,
    strict: bool = True,
    open_objects: bool = True,
    object_root: bool = False,
) -> tuple[Expr, tuple[SchemaWarning, ...]]:
    """A schema as an expression of a larger grammar. The options are those of `read_schema`. Raises SchemaError."""
    try:
        values: Schema = read_schema(schema, strict=strict, open_objects=open_objects, object_root=object_root)
        return schema_expr(values, rules), values.warnings
    except RecursionError:
        raise SchemaError("unsupported", "", "the schema is nested too deeply") from None


def json_schema_to_gbnf(schema: str | dict[str, Any] | bool, *, strict: bool = True) -> str:
    """A JSON Schema as a GBNF grammar that starts at `root`.

    Every text of the grammar is a valid JSON value of the schema; a schema that cannot be kept to is a SchemaError whose
    text names pointer and keyword. With `strict=False` keywords that are not enforced are left out instead.
    """
    return compile_schema(schema, strict=strict).grammar
