"""The values of a schema by type, for syntaxes in which each type has its own notation."""

from collections.abc import Iterable
from typing import Any

from promptweave.compiler.json_schema.emit.raw_strings import raw_string
from promptweave.compiler.json_schema.emit.values import Values
from promptweave.compiler.json_schema.logic.conditions import KINDS
from promptweave.compiler.json_schema.logic.formula import Formulas
from promptweave.compiler.json_schema.logic.number_atoms import Whole
from promptweave.compiler.json_schema.logic.number_language import CALL_DIGITS
from promptweave.compiler.json_schema.logic.string_atoms import finite_texts
from promptweave.compiler.json_schema.parse.reader import Reader
from promptweave.compiler.json_text import SPACED
from promptweave.output.grammar.expr import NOTHING, Expr, Rules


class TypedValues:
    """The values of one document's schema, exactly but for the keywords at `relaxed`. Raises SchemaError otherwise."""

    def __init__(self, document: Any, rules: Rules, relaxed: frozenset[str] = frozenset()) -> None:
        reader = Reader(document, relaxed)
        self._reader, self._rules, self._root = reader, rules, reader.root()
        self._values = Values(reader, rules, SPACED, open_objects=False, digits=CALL_DIGITS)
        self._formulas = self._values.formulas
        conditions = self._values.conditions
        names = conditions.names((self._root,))
        self._formulas_by_kind = {kind: self._formulas.resolve(conditions.of(self._root, kind, names)) for kind in KINDS}

    def types(self) -> list[str]:
        """Return the types that values may have; `integer` if all numbers are integers."""
        found = [kind for kind in ("object", "array", "string") if self._allows(kind)]
        if self._allows("number"):
            parts = self._formulas.parts(self._formulas_by_kind["number"])
            found.append("integer" if any(isinstance(self._formulas.values[part], Whole) for part in parts) else "number")
        found += ["boolean"] if self.words("boolean") else []
        return found + self.words("null")

    def words(self, name: str) -> list[str]:
        """Return the values of the type boolean or null, as in JSON."""
        return [word for word in (("true", "false") if name == "boolean" else ("null",)) if self._allows(word)]

    def json(self, types: Iterable[str]) -> Expr:
        """Return the values of some types, as JSON. NOTHING if there are none."""
        only = self._reader.compound("", types=frozenset(types))
        found = self._values.whole((self._root, only), "value")
        return found if self._rules.can_end(found) else NOTHING

    @property
    def any_string(self) -> bool:
        """Return whether every string is one of the values."""
        return self._formulas_by_kind["string"] == Formulas.TRUE

    def listed_strings(self) -> list[str] | None:
        """Return the strings if the schema lists them, else None."""
        return finite_texts(self._formulas_by_kind["string"], self._formulas)

    def raw_strings(self, end: str, unlike: str = "") -> Expr:
        """Return the strings without quotes and escapes, each followed by `end`. NOTHING if there are none.

        Those that begin with a character of `unlike` are left out.
        """
        return raw_string(self._formulas_by_kind["string"], self._formulas, self._rules, end, unlike)

    def _allows(self, kind: str) -> bool:
        return self._formulas_by_kind[kind] != Formulas.FALSE
