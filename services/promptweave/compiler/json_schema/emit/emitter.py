"""What the grammars of arrays and objects need from the grammar of the whole document."""

from collections.abc import Iterable
from typing import Protocol

from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.logic.conditions import Conditions
from promptweave.compiler.json_schema.logic.formula import Formulas
from promptweave.compiler.json_schema.parse.node import LiteralId
from promptweave.compiler.json_text import Separators
from promptweave.output.grammar.expr import Expr, Rules


class Emitter(Protocol):
    """Emits the values inside arrays and objects.

    `rules`: the grammar; `separators`: those of generated values; `order`: what the order of properties may still cost;
    `digits`: the maximum number of digits of numbers before the decimal point, unless a bound has more.
    """

    @property
    def formulas(self) -> Formulas: ...
    @property
    def conditions(self) -> Conditions: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def separators(self) -> Separators: ...
    @property
    def order(self) -> OrderBudget: ...
    @property
    def digits(self) -> int: ...
    def expr(self, literals: Iterable[LiteralId], hint: str) -> Expr:
        """Return the values that satisfy all literals. Their rules may be defined later; `hint` begins their names."""
        ...

    def texts(self, literals: Iterable[LiteralId], limit: int) -> list[str] | None:
        """Return the texts of such values, or None if there are more than `limit`."""
        ...
