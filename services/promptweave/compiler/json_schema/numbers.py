"""The grammar of the numbers for which a formula holds: one automaton that reads all that is said of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema import automaton, charset
from promptweave.compiler.json_schema.automaton import Dfa, State, TooManyStatesError
from promptweave.compiler.json_schema.formula import Every, Formulas, Some
from promptweave.compiler.json_schema.number_atoms import (
    Compared,
    Divisible,
    Fractional,
    Machine,
    Whole,
    spelled,
)
from promptweave.compiler.json_schema.spelling import automaton_expr
from promptweave.compiler.schema_grammar import MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS, scalar, trie
from promptweave.output.grammar import EMPTY, NOTHING, Expr, Rules

MAX_MODULUS = 1_000
"""Of `multipleOf`, scaled to an integer and without its factors of ten."""

_DOUBLE_DIGITS = 15
"""Decimals of so many digits stay apart when they become 64-bit floats."""

_SHORT_FRACTION = 6
"""Digits behind the point, where it matters that the number is no integer or no multiple."""

_MULTIPLE_DIGITS = 18
_MAX_COUNTED_MODULUS = 64
"""Multiples of small numbers have at most so many digits before the point; of larger ones, any number."""

_SYMBOLS = "-.0123456789"
_CLASSES = tuple(charset.of(symbol) for symbol in _SYMBOLS)


@dataclass(frozen=True, slots=True)
class _Digits:
    """How many digits a number with a point may have, before and behind it. Numbers without a point have any number."""

    whole: int
    fraction: int


_ANY_DIGITS = _Digits(10**9, 10**9)


def _limit(atom: Machine) -> _Digits:
    """Up to which length what an atom says of a decimal is also true of the 64-bit float that parsers make of it."""
    match atom:
        case Divisible(wanted=True):
            return _Digits(10**9, atom.scale) if atom.scale else _Digits(-1, -1)
        case Divisible() | Fractional():
            fraction = max(_SHORT_FRACTION, getattr(atom, "scale", 0))
            return _Digits(max(_DOUBLE_DIGITS - fraction, 1), fraction)
        case Compared() if atom.signs in (frozenset({-1}), frozenset({1}), frozenset({-1, 1})):
            # Close to a bound that is itself excluded, decimals of many digits would round to it.
            return _Digits(10**9, max(_DOUBLE_DIGITS - len(atom.digits[0]), 0))
    return _ANY_DIGITS


class _WellFormed:
    """Spellings without leading zeros, without exponent and without negative zero; counts digits as far as they matter."""

    def __init__(self, atoms: Iterable[Machine]) -> None:
        limits = [limit for atom in atoms if (limit := _limit(atom)) != _ANY_DIGITS]
        # Multiples go round in the automaton, not in a loop of one state: so their digits are limited here.
        rounds = any(isinstance(atom, Divisible) and 1 < atom.modulus <= _MAX_COUNTED_MODULUS for atom in atoms)
        self._most = _MULTIPLE_DIGITS if rounds else None
        self._whole = max([limit.whole + 1 for limit in limits if limit.whole < 10**9] + [self._most or 0])
        self._fraction = max([limit.fraction + 1 for limit in limits], default=0)

    def start(self) -> State:
        return ("start", False, 0, 0)

    def step(self, state: State, char: str) -> State:
        # (phase, negative and all zeros so far, digits before and behind the point, as far as they are counted)
        phase, owes, whole, fraction = state
        if phase == "start" and char == "-":
            return ("minus", True, 0, 0)
        if char == "-":
            return None
        if phase in ("start", "minus"):
            if char == ".":
                return None
            one = min(1, self._whole)
            return ("zero", owes, one, 0) if char == "0" else ("whole", False, one, 0)
        if char == ".":
            return ("point", owes, whole, 0) if phase in ("zero", "whole") else None
        if phase == "zero" or (phase == "whole" and whole == self._most):
            return None
        if phase == "whole":
            return ("whole", False, min(whole + 1, self._whole), 0)
        return ("fraction", owes and char == "0", whole, min(fraction + 1, self._fraction))

    def accepts(self, state: State) -> bool:
        phase, owes, _, _ = state
        return phase in ("zero", "whole", "fraction") and not owes

    def keeps_to(self, limit: _Digits, state: State) -> bool:
        """Whether the number that was read is no longer than this."""
        phase, _, whole, fraction = state
        return bool(phase != "fraction") or bool(whole <= limit.whole and fraction <= limit.fraction)


def number_expr(formula: int, formulas: Formulas, rules: Rules, hint: str) -> Expr:
    """The numbers for which a (settled) formula holds. NOTHING if there are none."""
    if formula == Formulas.TRUE:
        return scalar("number", rules)
    if formulas.values[formula] == Whole():
        return scalar("integer", rules)
    texts = finite_spellings(formula, formulas)
    if texts is not None:
        return trie(texts) if texts else NOTHING
    dfa = language(formula, formulas)
    if dfa.is_empty:
        return NOTHING
    limits = (MAX_WHOLE_DIGITS - 1, MAX_FRACTION_DIGITS - 1)
    return automaton_expr(dfa, rules, hint, end=EMPTY, loop_limits=limits)


def language(formula: int, formulas: Formulas) -> Dfa:
    """The automaton of the spellings of the numbers for which a formula holds."""
    machines: dict[int, Machine] = {}
    _collect(formula, formulas, machines)
    for machine in machines.values():
        if isinstance(machine, Divisible) and machine.modulus > MAX_MODULUS:
            why = f"'multipleOf' {spelled(machine.of)} needs {machine.modulus} states, and {MAX_MODULUS} are allowed"
            raise SchemaError("unsupported", machine.pointer, why, keyword="multipleOf")
    order = list(machines)
    limits = {atom: _limit(machine) for atom, machine in machines.items()}
    well_formed = _WellFormed(list(machines.values()))
    others = list(machines.values())

    def step(state: State, place: int) -> State | None:
        char = _SYMBOLS[place]
        spelling = well_formed.step(state[0], char)
        if spelling is None:
            return None
        return (spelling, *(machine.step(inner, char) for machine, inner in zip(others, state[1:], strict=True)))

    def accepts(state: State) -> bool:
        spelling = state[0]
        if not well_formed.accepts(spelling):
            return False
        known = {
            atom: machines[atom].accepts(inner) and well_formed.keeps_to(limits[atom], spelling)
            for atom, inner in zip(order, state[1:], strict=True)
        }
        return _evaluate(formula, formulas, known)

    try:
        return automaton.build((well_formed.start(), *(machine.start() for machine in others)), step, accepts, _CLASSES)
    except TooManyStatesError as error:
        pointer = next((machine.pointer for machine in machines.values() if isinstance(machine, Divisible)), "")
        pointer = pointer or next((getattr(machine, "pointer", "") for machine in machines.values()), "")
        keyword = pointer.rpartition("/")[2]
        why = f"{keyword!r}: {error} together with what else is said of this number"
        raise SchemaError("unsupported", pointer, why, keyword=keyword) from None


def _collect(formula: int, formulas: Formulas, found: dict[int, Machine]) -> None:
    value = formulas.values[formula]
    match value:
        case Every(parts) | Some(parts):
            for part in parts:
                _collect(part, formulas, found)
        case Whole() | Fractional() | Compared() | Divisible():
            found[formula] = value


def _evaluate(formula: int, formulas: Formulas, known: dict[int, bool]) -> bool:
    value = formulas.values[formula]
    match value:
        case Every(parts):
            return all(_evaluate(part, formulas, known) for part in parts)
        case Some(parts):
            return any(_evaluate(part, formulas, known) for part in parts)
    return known[formula]


def holds(formula: int, formulas: Formulas, text: str) -> bool:
    """Whether a formula holds for the number of this spelling."""
    machines: dict[int, Machine] = {}
    _collect(formula, formulas, machines)
    known = {}
    for atom, machine in machines.items():
        state = machine.start()
        for char in text:
            state = machine.step(state, char)
        known[atom] = machine.accepts(state)
    return _evaluate(formula, formulas, known)


def finite_spellings(formula: int, formulas: Formulas) -> list[str] | None:
    """The spellings of the numbers for which a formula holds, where the schema lists them; None where it does not."""
    values = _listed(formula, formulas)
    if values is None:
        return None
    return [text for text in map(spelled, values) if holds(formula, formulas, text)]


def _listed(formula: int, formulas: Formulas) -> list[Fraction] | None:
    value = formulas.values[formula]
    match value:
        case Compared(number, signs) if signs == frozenset({0}):
            return [number]
        case Some(parts):
            found: dict[Fraction, None] = {}
            for part in parts:
                values = _listed(part, formulas)
                if values is None:
                    return None
                found.update(dict.fromkeys(values))
            return list(found)
        case Every(parts):
            for part in parts:
                values = _listed(part, formulas)
                if values is not None:
                    return values
    return None
