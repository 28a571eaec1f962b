"""JSON Schema → grammar text: what `promptweave schema`, CompileSchema and Python callers use."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache

from promptweave.compiler.deadline import DeadlineError, deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.values import Values
from promptweave.compiler.json_schema.parse.location import SchemaWarning
from promptweave.compiler.json_schema.parse.reader import Reader
from promptweave.compiler.json_text import COMPACT, SPACED, Separators, TooDeepError, dumps, loads
from promptweave.output.grammar.dialects import Dialect, grammar_text
from promptweave.output.grammar.expr import Expr, Rules
from promptweave.output.grammar.gbnf import GrammarTooLargeError
from promptweave.output.grammar.safety import check_safe

MAX_SCHEMA_CHARACTERS = 2_000_000
"""Of a schema's text."""

MAX_REMEMBERED_CHARACTERS = 16_000_000
"""Of grammars that are remembered, with `_EACH` for each."""
_EACH = 256

MAX_LOOSENED = 100
"""Keywords that are left out of one schema where that is allowed. Above, the schema is refused."""


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A schema's grammar (starting at `root`, or `start` in Lark) and what it does not enforce."""

    grammar: str
    warnings: tuple[SchemaWarning, ...]


_LOCK = Lock()
_known: LRUCache[tuple[bytes, bool, Dialect, Separators], CompiledSchema] = LRUCache(
    MAX_REMEMBERED_CHARACTERS, getsizeof=lambda compiled: _EACH + len(compiled.grammar)
)
"""Compiled schemas, by all that a grammar hangs on: the schema's text, and how it is to be written."""


def compile_schema(
    schema: str | dict[str, Any] | bool,
    *,
    strict: bool = True,
    dialect: Dialect = "gbnf",
    separators: Separators = SPACED,
) -> CompiledSchema:
    """A schema (JSON text, or what it parses to) as a grammar, with JSON Schema's open objects. Raises SchemaError."""
    try:
        text = schema if isinstance(schema, str) else dumps(schema)
        text.encode()
    except (ValueError, RecursionError):
        # What is no JSON text is told apart by its reader.
        return _compile(schema, strict, dialect, separators)
    except TypeError as error:
        raise SchemaError("invalid", "", f"not JSON: {error}") from None
    key = (hashlib.sha256(text.encode()).digest(), strict, dialect, separators)
    with _LOCK:
        known = _known.get(key)
    if known is None:
        known = _compile(schema if isinstance(schema, str) else _read_again(schema, text), strict, dialect, separators)
        with _LOCK, suppress(ValueError):  # It is larger than all that may be remembered.
            _known[key] = known
    return known


def _read_again(schema: dict[str, Any] | bool, text: str) -> dict[str, Any] | bool:
    """What Python wrote: there tuples are lists, and all keys strings."""
    try:
        again: dict[str, Any] | bool = loads(text)
    except TooDeepError:
        # The reader of schemas says better where that is.
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
        why = f"{error}; most of it comes from here"
        raise SchemaError("unsupported", rules.largest_origin(grammar), why) from None


def load_schema(text: str) -> dict[str, Any] | bool:
    """A schema's text. Raises SchemaError."""
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise SchemaError("unsupported", "", f"a schema of more than {MAX_SCHEMA_CHARACTERS} characters")
    try:
        schema: dict[str, Any] | bool = loads(text)
    except TooDeepError as error:
        raise SchemaError("unsupported", error.pointer, str(error)) from None
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
    separators: Separators = SPACED,
    base: str = "",
) -> tuple[Expr, tuple[SchemaWarning, ...]]:
    """A schema as an expression of a larger grammar. Raises SchemaError.

    `strict`: a keyword that cannot be enforced exactly is an error; otherwise it is left out, with a warning that is
    `loosened`. `open_objects`: what an absent additionalProperties means: anything (JSON Schema) or nothing (the policy for
    tools). `object_root`: only objects are wanted, as for a tool's parameters. `separators`: what values are written with.
    `base`: where the schema stands, for the rules' origins; errors and warnings have places in the schema.
    """
    loosened: dict[str, SchemaWarning] = {}
    with deadline():
        while True:
            try:
                with exactly():
                    reader = Reader(schema, frozenset(loosened))
                    values = Values(reader, rules, separators, open_objects=open_objects, base=base)
                    root = _root(reader, values, object_root=object_root)
                return root, (*loosened.values(), *reader.warnings)
            except SchemaError as error:
                # What is not exact is left out, and everything else is tried again.
                final = strict or error.kind != "unsupported" or isinstance(error, DeadlineError)
                if final or error.pointer in loosened or len(loosened) >= MAX_LOOSENED:
                    raise
                loosened[error.pointer] = SchemaWarning(error.pointer, f"not enforced: {error.why}", loosened=True)


@contextmanager
def exactly() -> Iterator[None]:
    """Inside, a schema becomes a grammar in limited time, and whatever Python cannot do is a SchemaError."""
    try:
        with deadline():
            yield
    except RecursionError:
        why = "the schema, or a pattern or number in it, is nested too deeply or too long"
        raise SchemaError("unsupported", "", why) from None
    except ValueError as error:
        # Python does not print integers of more than 4,300 digits.
        raise SchemaError("unsupported", "", f"a number in it is too long: {error}") from None


def _root(reader: Reader, values: Values, *, object_root: bool) -> Expr:
    wanted = [reader.root()]
    if object_root:
        wanted.append(reader.compound("", types=frozenset({"object"}), about_objects=True))
    root = values.whole(wanted, "value")
    if not values.rules.can_end(root):
        never = values.reason(root)
        raise SchemaError("unsatisfiable", never.pointer, never.why)
    return root


def json_schema_to_gbnf(schema: str | dict[str, Any] | bool, *, strict: bool = True, compact: bool = False) -> str:
    """A JSON Schema as a GBNF grammar that starts at `root`.

    Every text of the grammar is a valid JSON value of the schema; a schema that cannot be kept to is a SchemaError whose
    text names pointer and keyword. With `strict=False` keywords that are not enforced are left out instead.
    Values are written with `", "` and `": "` between their parts; `compact`: with `","` and `":"`.
    """
    return compile_schema(schema, strict=strict, separators=COMPACT if compact else SPACED).grammar
