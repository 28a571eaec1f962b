"""What a schema may say about an object, property by property.

Of declared names (those that a schema mentions) it is known in which order they come. All others are free names: they are
described by languages, and nothing can keep them from coming twice.
"""

from dataclasses import dataclass, field

from promptweave.compiler.json_schema.automaton import Dfa
from promptweave.compiler.json_schema.formula import Formulas, Inexpressible
from promptweave.compiler.json_schema.node import TRUE, Literal


@dataclass(frozen=True, slots=True)
class Has:
    """A declared property is there, or is not. `exact`: validators agree about it, so its opposite can be said."""

    name: str
    wanted: bool = True
    pointer: str = field(default="", compare=False)
    exact: bool = True

    def opposite(self, formulas: Formulas) -> int:
        if not self.exact:
            why = "validators do not agree whether the name is allowed, so its opposite cannot be said"
            return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))
        return formulas.atom(Has(self.name, not self.wanted, self.pointer))


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a declared property, if it is there."""

    name: str
    value: Literal
    pointer: str = field(default="", compare=False)

    def opposite(self, formulas: Formulas) -> int:
        there = formulas.atom(Has(self.name, True, self.pointer))
        return formulas.every([there, value(formulas, self.name, -self.value, self.pointer)])


@dataclass(frozen=True, slots=True)
class Free:
    """All free properties whose names are in a language have such a value; `value` FALSE: there are none.

    `exact`: validators agree which names are in the language, so its opposite can be said.
    """

    names: Dfa
    value: Literal
    pointer: str = field(default="", compare=False)
    exact: bool = True

    def opposite(self, formulas: Formulas) -> int:
        if self.value == -TRUE and self.exact:
            return formulas.atom(SomeFree(self.names, self.pointer))
        why = "that some property of any name has another value cannot be said: it could come a second time"
        return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))


@dataclass(frozen=True, slots=True)
class SomeFree:
    """Some free property has a name in the language."""

    names: Dfa
    pointer: str = field(default="", compare=False)

    def opposite(self, formulas: Formulas) -> int:
        return formulas.atom(Free(self.names, -TRUE, self.pointer))


@dataclass(frozen=True, slots=True)
class Count:
    """At least `low` and at most `high` (None: any number of) properties from here on."""

    low: int
    high: int | None
    pointer: str = field(default="", compare=False)

    def opposite(self, formulas: Formulas) -> int:
        options = []
        if self.low > 0:
            options.append(formulas.atom(Count(0, self.low - 1, self.pointer)))
        if self.high is not None:
            options.append(formulas.atom(Count(self.high + 1, None, self.pointer)))
        return formulas.some(options)


ObjectAtom = Has | Value | Free | SomeFree | Count


def value(formulas: Formulas, name: str, literal: Literal, pointer: str) -> int:
    """The value of a declared property, if it is there."""
    if literal == TRUE:
        return Formulas.TRUE
    if literal == -TRUE:
        return formulas.atom(Has(name, False, pointer))
    return formulas.atom(Value(name, literal, pointer))
