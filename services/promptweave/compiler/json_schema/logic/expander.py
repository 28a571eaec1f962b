"""What the conditions on arrays and on objects need to know about the conditions of other schemas."""

from collections.abc import Iterator
from typing import Protocol

from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.parse.node import TRUE, LiteralId, Node, complement
from promptweave.compiler.json_schema.parse.reader import Reader

Names = tuple[str, ...]
"""The declared names of an object, in order of appearance."""


class Expander(Protocol):
    """Expands the schemas of one document to formulas."""

    @property
    def reader(self) -> Reader: ...
    @property
    def formulas(self) -> Formulas: ...
    def of(self, literal: LiteralId, kind: str, names: Names = ()) -> FormulaId:
        """Return the condition of a literal on values of a kind. `names` matter for objects only."""
        ...


def in_place(node: Node, expander: Expander, kind: str, names: Names) -> Iterator[tuple[LiteralId, FormulaId]]:
    """Yield the schemas that a node applies to the same value, with the condition under which their evaluations count."""
    for literal in node.every:
        yield literal, Formulas.TRUE
    for literal in (*node.some, *node.one):
        yield literal, expander.of(literal, kind, names)
    if node.condition is not None:
        test, then, otherwise = node.condition
        yield test, expander.of(test, kind, names)
        if then != TRUE:
            yield then, expander.of(test, kind, names)
        if otherwise != TRUE:
            yield otherwise, expander.of(complement(test), kind, names)
