"""The conditions that a schema may place on a string, and the automaton of the strings that satisfy a formula."""

from collections.abc import Callable
from dataclasses import dataclass, field

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Inexpressible, Or
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.dfa import Dfa, TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError
from promptweave.compiler.regex.ecma_to_dfa import pattern_dfa
from promptweave.compiler.regex.formats import format_dfa

MAX_TIGHT_STATES = 2_000
"""If a pattern and a large maxLength together would need more states, longer strings are left out."""


@dataclass(frozen=True, slots=True)
class Length:
    """Strings of `low` to `high` (None: unbounded) characters, counted as code points."""

    low: int
    high: int | None
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        options = []
        if self.low > 0:
            options.append(formulas.atom(Length(0, self.low - 1, self.pointer)))
        if self.high is not None:
            options.append(formulas.atom(Length(self.high + 1, None, self.pointer)))
        return formulas.some(options)


@dataclass(frozen=True, slots=True)
class Matching:
    """Strings that match a pattern, or do not."""

    source: str
    wanted: bool = True
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Matching(self.source, not self.wanted, self.pointer))


@dataclass(frozen=True, slots=True)
class Formatted:
    """Strings of a format."""

    name: str
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        why = "the negation of format cannot be enforced: validators may treat format as an annotation"
        return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))


@dataclass(frozen=True, slots=True)
class Among:
    """The strings `texts`, or all other strings."""

    texts: frozenset[str]
    wanted: bool = True
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Among(self.texts, not self.wanted, self.pointer))


def string_language(formula: FormulaId, formulas: Formulas, within: Dfa) -> Dfa:
    """Return the strings of `within` that satisfy a formula, possibly without long ones (MAX_TIGHT_STATES)."""
    low, high, at, rest = lengths_apart(formula, formulas)
    if high is not None and high < low:
        return automaton.EMPTY
    unlimited = language(formulas.every(rest), formulas) if rest else automaton.ALL
    return _with_length(_at(at, lambda: automaton.intersection(unlimited, within)), low, high, at)


def lengths_apart(formula: FormulaId, formulas: Formulas) -> tuple[int, int | None, str, list[FormulaId]]:
    """Return the minimum and maximum length that a formula requires, their location, and its other parts."""
    low, high, at = 0, None, ""
    rest = []
    for part in formulas.parts(formula):
        value = formulas.values[part]
        if isinstance(value, Length):
            low = max(low, value.low)
            if value.high is not None and (high is None or value.high < high):
                high, at = value.high, value.pointer
            at = at or value.pointer
        else:
            rest.append(part)
    return low, high, at, rest


def _with_length(dfa: Dfa, low: int, high: int | None, at: str) -> Dfa:
    if dfa.is_empty:
        return dfa
    if high is not None and dfa.longest is None and high * len(dfa.table) > MAX_TIGHT_STATES:
        high = max(low, MAX_TIGHT_STATES // len(dfa.table), min(high, 2 * dfa.shortest))
    return _at(at, lambda: automaton.limited(dfa, low, high))


def language(formula: FormulaId, formulas: Formulas) -> Dfa:
    """Return the automaton of the strings that satisfy a formula."""
    value = formulas.values[formula]
    match value:
        case And(parts):
            each = [language(part, formulas) for part in parts]
            return _at(formulas.pointer(formula), lambda: automaton.intersection_of(each))
        case Or(parts):
            each = [language(part, formulas) for part in parts]
            return _at(formulas.pointer(formula), lambda: automaton.union_of(each))
        case Length(low, high):
            return _at(value.pointer, lambda: automaton.limited(automaton.ALL, low, high))
        case Matching(source, wanted):
            return _at(value.pointer, lambda: _matching(source, wanted))
        case Formatted(name):
            return _at(value.pointer, lambda: format_dfa(name))
        case Among(texts, wanted):
            return _at(value.pointer, lambda: _among(texts, wanted))
    raise AssertionError(value)


def widest(formula: FormulaId, formulas: Formulas) -> Dfa:
    """Return all strings that any validator may accept for a formula; used to prove that formulas are disjoint.

    Raises PatternError and TooManyStatesError.
    """
    value = formulas.values[formula]
    match value:
        case And(parts):
            return automaton.intersection_of(widest(part, formulas) for part in parts)
        case Or(parts):
            return automaton.union_of(widest(part, formulas) for part in parts)
        case Length(low, high):
            return automaton.limited(automaton.ALL, low, high)
        case Matching(source, wanted):
            return pattern_dfa(source, wide=True) if wanted else automaton.complement(pattern_dfa(source))
        case Among(texts, wanted):
            return _among(texts, wanted)
    return automaton.ALL


def has_none(formula: FormulaId, formulas: Formulas) -> bool:
    """Return whether no string satisfies a formula, for any validator. Listed strings need no automata.

    Raises as `widest` does.
    """
    atoms = [formulas.values[part] for part in formulas.parts(formula)]
    lists = [atom.texts for atom in atoms if isinstance(atom, Among) and atom.wanted]
    if lists:
        left = frozenset.intersection(*lists)
        left = left.difference(*(atom.texts for atom in atoms if isinstance(atom, Among) and not atom.wanted))
        if not left or all(isinstance(atom, Among) for atom in atoms):
            return not left
    return widest(formula, formulas).is_empty


def listed(formula: FormulaId, formulas: Formulas) -> list[str] | None:
    """Return the strings that the schema lists, of which a formula accepts some or all; None if it lists none."""
    value = formulas.values[formula]
    match value:
        case Among(texts, True):
            return list(texts)
        case And(parts):
            return next((found for part in parts if (found := listed(part, formulas)) is not None), None)
        case Or(parts):
            every = [listed(part, formulas) for part in parts]
            return None if None in every else [text for texts in every for text in texts or ()]
    return None


def _matching(source: str, wanted: bool) -> Dfa:
    return pattern_dfa(source) if wanted else automaton.complement(pattern_dfa(source, wide=True))


def _among(texts: frozenset[str], wanted: bool) -> Dfa:
    dfa = automaton.of_texts(sorted(texts))
    return dfa if wanted else automaton.complement(dfa)


def _at(pointer: str, make: Callable[[], Dfa]) -> Dfa:
    keyword = pointer.rpartition("/")[2]
    try:
        return make()
    except PatternError as error:
        raise SchemaError("unsupported", pointer, f"{keyword}: {error}", keyword=keyword) from None
    except TooManyStatesError as error:
        why = f"{keyword}: {error} when combined with the other string keywords; simplify or shorten it"
        raise SchemaError("unsupported", pointer, why, keyword=keyword) from None
    except RecursionError:
        raise SchemaError("unsupported", pointer, f"{keyword} is too long; shorten it", keyword=keyword) from None


def holds(formula: FormulaId, formulas: Formulas, text: str) -> bool:
    """Return whether a string satisfies a formula."""
    value = formulas.values[formula]
    match value:
        case And(parts):
            return all(holds(part, formulas, text) for part in parts)
        case Or(parts):
            return any(holds(part, formulas, text) for part in parts)
        case Length(low, high):
            return low <= len(text) and (high is None or len(text) <= high)
        case Among(texts, wanted):
            return (text in texts) == wanted
    return language(formula, formulas).accepts(text)


def finite_texts(formula: FormulaId, formulas: Formulas) -> list[str] | None:
    """Return the strings that satisfy a formula if the schema lists them; else None."""
    value = formulas.values[formula]
    match value:
        case Among(texts, True):
            return sorted(texts)
        case Or(parts):
            found: dict[str, None] = {}
            for part in parts:
                listed = finite_texts(part, formulas)
                if listed is None:
                    return None
                found.update(dict.fromkeys(listed))
            return list(found)
        case And(parts):
            for part in parts:
                listed = finite_texts(part, formulas)
                if listed is not None:
                    return [text for text in listed if holds(formula, formulas, text)]
    return None
