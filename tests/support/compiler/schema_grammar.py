"""The grammar of a JSON Schema."""

from typing import Any

from promptweave.compiler.json_schema.compile import embed_schema
from promptweave.output.grammar.expr import Grammar, Rules


def grammar_of(schema: Any, **options: Any) -> Grammar:
    """Return the grammar of a schema's values; `options` are those of `embed_schema`."""
    rules = Rules()
    root, _ = embed_schema(schema, rules, **options)
    return rules.grammar(root)
