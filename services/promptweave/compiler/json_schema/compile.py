"""JSON Schema → grammar text: used by `promptweave schema`, CompileSchema and Python callers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache

from promptweave.compiler.deadline import DeadlineError, deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.emit.values import Values
from promptweave.compiler.json_schema.logic.number_language import MAX_WHOLE_DIGITS
from promptweave.compiler.json_schema.parse.location import SchemaWarning
from promptweave.compiler.json_schema.parse.reader import Reader
from promptweave.compiler.json_schema.white_space import with_white_space
from promptweave.compiler.json_text import COMPACT, SPACED, Separators, TooDeepError, dumps, loads
from promptweave.output.grammar.dialects import Dialect, grammar_text
from promptweave.output.grammar.expr import Expr, Rules
from promptweave.output.grammar.gbnf import GrammarTooLargeError
from promptweave.output.grammar.safety import check_safe

MAX_SCHEMA_CHARACTERS = 2_000_000
"""The maximum length of a schema's text."""

MAX_REMEMBERED_CHARACTERS = 16_000_000
"""The maximum total length of cached grammars, each counted with `_EACH` more."""
_EACH = 256

MAX_LOOSENED = 100
"""The maximum number of keywords left out of one schema, if that is allowed. Above, the schema is rejected."""


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A schema's grammar (starting at `root`, or `start` in Lark) and what it does not enforce."""

    grammar: str
    warnings: tuple[SchemaWarning, ...]


_LOCK = Lock()
_known: LRUCache[tuple[bytes, bool, Dialect, Separators], CompiledSchema] = LRUCache(
    MAX_REMEMBERED_CHARACTERS, getsizeof=lambda compiled: _EACH + len(compiled.grammar)
)
"""Compiled schemas, by everything a grammar depends on: the hash of the schema's text, and the options."""


def compile_schema(
    schema: str | dict[str, Any] | bool,
    *,
    strict: bool = True,
    dialect: Dialect = "gbnf",
    separators: Separators = SPACED,
) -> CompiledSchema:
    """Compile a schema (JSON text or parsed) to a grammar, with JSON Schema's open objects. Raises SchemaError."""
    try:
        text = schema if isinstance(schema, str) else dumps(schema)
        text.encode()
    except (ValueError, RecursionError):
        # Not representable as JSON text; the schema reader reports why.
        return _compile(schema, strict, dialect, separators)
    except TypeError as error:
        raise SchemaError("invalid", "", f"not valid JSON: {error}") from None
    key = (hashlib.sha256(text.encode()).digest(), strict, dialect, separators)
    with _LOCK:
        known = _known.get(key)
    if known is None:
        known = _compile(schema if isinstance(schema, str) else _read_again(schema, text), strict, dialect, separators)
        with _LOCK, suppress(ValueError):  # The grammar is larger than the cache.
            _known[key] = known
    return known


def _read_again(schema: dict[str, Any] | bool, text: str) -> dict[str, Any] | bool:
    """Parse the JSON text that Python produced: in it tuples are lists, and all keys are strings."""
    try:
        again: dict[str, Any] | bool = loads(text)
    except TooDeepError:
        # The schema reader reports the location better.
        return schema
    return again


def _compile(schema: str | dict[str, Any] | bool, strict: bool, dialect: Dialect, separators: Separators) -> CompiledSchema:
    rules = Rules()
    loaded = load_schema(schema) if isinstance(schema, str) else schema
    root, warnings = embed_schema(loaded, rules, strict=strict, separators=separators)
    grammar = rules.grammar(root)
    check_safe(grammar)
    try:
        return CompiledSchema(grammar_text(grammar, dialect), warnings)
    except GrammarTooLargeError as error:
        why = f"{error}; this part of the schema contributes most of it"
        raise SchemaError("unsupported", rules.largest_origin(grammar), why) from None


def load_schema(text: str) -> dict[str, Any] | bool:
    """Parse a schema's text. Raises SchemaError."""
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise SchemaError("unsupported", "", f"the schema is longer than {MAX_SCHEMA_CHARACTERS} characters")
    try:
        schema: dict[str, Any] | bool = loads(text)
    except TooDeepError as error:
        raise SchemaError("unsupported", error.pointer, str(error)) from None
    except ValueError as error:
        raise SchemaError("invalid", "", f"not valid JSON: {error}") from None
    return schema


def embed_schema(
    schema: dict[str, Any] | bool,
    rules: Rules,
    *,
    strict: bool = True,
    open_objects: bool = True,
    object_root: bool = False,
    separators: Separators = SPACED,
    order: OrderBudget | None = None,
    digits: int = MAX_WHOLE_DIGITS,
    base: str = "",
) -> tuple[Expr, tuple[SchemaWarning, ...]]:
    """Convert a schema to an expression of a larger grammar. Raises SchemaError.

    `strict`: a keyword that cannot be enforced exactly is an error; otherwise it is left out, with a `loosened` warning.
    `open_objects`: the meaning of an absent additionalProperties: anything (JSON Schema) or nothing (the policy for tools).
    `object_root`: only objects are accepted, as for a tool's parameters. `separators`: the separators in generated values.
    `order`: the budget for properties in any order; None: they come in declared order.
    `digits`: the maximum number of digits of numbers before the decimal point, unless a bound has more.
    `base`: the location of the schema, for the origins of rules; errors and warnings have locations within the schema.
    """
    loosened: dict[str, SchemaWarning] = {}
    with deadline():
        while True:
            try:
                with compile_limits():
                    reader = Reader(schema, frozenset(loosened))
                    values = Values(
                        reader, rules, separators, open_objects=open_objects, order=order, digits=digits, base=base
                    )
                    before = {*rules.bodies} if separators.inside else ()
                    root = _root(reader, values, object_root=object_root)
                    root = with_white_space(root, rules, before) if separators.inside else root
                return root, (*loosened.values(), *reader.warnings)
            except SchemaError as error:
                # Leave out the keyword that cannot be enforced exactly, and retry with everything else.
                final = strict or error.kind != "unsupported" or isinstance(error, DeadlineError)
                if final or error.pointer in loosened or len(loosened) >= MAX_LOOSENED:
                    raise
                loosened[error.pointer] = SchemaWarning(error.pointer, f"not enforced: {error.why}", loosened=True)


@contextmanager
def compile_limits() -> Iterator[None]:
    """Limit the compile time, and convert Python's own limits to SchemaError."""
    try:
        with deadline():
            yield
    except RecursionError:
        why = "the schema, or a pattern or number in it, is too deeply nested or too long"
        raise SchemaError("unsupported", "", why) from None
    except ValueError as error:
        # Python does not print integers of more than 4,300 digits.
        raise SchemaError("unsupported", "", f"number too long: {error}") from None


def _root(reader: Reader, values: Values, *, object_root: bool) -> Expr:
    wanted = [reader.root()]
    if object_root:
        wanted.append(reader.compound("", types=frozenset({"object"}), about_objects=True))
    root = values.whole(wanted, "value")
    if not values.rules.can_end(root):
        reason = values.reason(root)
        raise SchemaError("unsatisfiable", reason.pointer, reason.why)
    return root


def json_schema_to_gbnf(schema: str | dict[str, Any] | bool, *, strict: bool = True, compact: bool = False) -> str:
    """Convert a JSON Schema to a GBNF grammar that starts at `root`.

    Every text of the grammar is a valid JSON value of the schema; a schema that cannot be enforced raises SchemaError, whose
    message names pointer and keyword. With `strict=False`, keywords that cannot be enforced are left out instead.
    Values are generated with the separators `", "` and `": "`; with `compact`, `","` and `":"`.
    """
    return compile_schema(schema, strict=strict, separators=COMPACT if compact else SPACED).grammar
