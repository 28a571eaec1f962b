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
    """How many digits there may be (None: any number, loops are limited when they are printed).

    `dotted`: before the point, where there is one.
    """

    whole: int | None = None
    dotted: int | None = None
    fraction: int | None = None

    def joined(self, other: "_Digits") -> "_Digits":
        """What keeps to both limits."""
        return _Digits(
            _least(self.whole, other.whole), _least(self.dotted, other.dotted), _least(self.fraction, other.fraction)
        )


def _least(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else min(left, right)


class _WellFormed:
    """Spellings without leading zeros, without exponent and without negative zero, of limited length."""

    def __init__(self, digits: _Digits) -> None:
        self._digits = digits
        self._counted = max(digits.whole or 0, -1 if digits.dotted is None else digits.dotted + 1)

    def start(self) -> State:
        return ("start", False, 0)

    def step(self, state: State, char: str) -> State:
        # (phase, negative and all zeros so far, digits in this phase, as far as they are counted)
        phase, owes, count = state
        if phase == "start" and char == "-":
            return ("minus", True, 0)
        if char == "-":
            return None
        if phase in ("start", "minus"):
            if char == ".":
                return None
            return ("zero", owes, 0) if char == "0" else ("whole", False, min(1, self._counted))
        if char == ".":
            fits = self._digits.dotted is None or count <= self._digits.dotted
            return ("point", owes, 0) if phase in ("zero", "whole") and self._digits.fraction != 0 and fits else None
        if phase == "zero":
            return None
        if phase == "whole":
            if self._digits.whole is not None and count == self._digits.whole:
                return None
            return ("whole", False, min(count + 1, self._counted))
        limit = self._digits.fraction
        if limit is not None and count == limit:
            return None
        return ("fraction", owes and char == "0", count + (limit is not None))

    def accepts(self, state: State) -> bool:
        phase, owes, _ = state
        return phase in ("zero", "whole", "fraction") and not owes


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
    steppers = [_WellFormed(_digit_limits(machines.values())), *machines.values()]

    def step(state: State, place: int) -> State | None:
        char, (well_formed, *others) = _SYMBOLS[place], state
        well_formed = steppers[0].step(well_formed, char)
        if well_formed is None:
            return None
        return (well_formed, *(machine.step(inner, char) for machine, inner in zip(steppers[1:], others, strict=True)))

    def accepts(state: State) -> bool:
        well_formed, *others = state
        if not steppers[0].accepts(well_formed):
            return False
        known = {atom: machines[atom].accepts(inner) for atom, inner in zip(order, others, strict=True)}
        return _evaluate(formula, formulas, known)

    try:
        return automaton.build(tuple(machine.start() for machine in steppers), step, accepts, _CLASSES)
    except TooManyStatesError as error:
        pointer = next((machine.pointer for machine in machines.values() if isinstance(machine, Divisible)), "")
        pointer = pointer or next((getattr(machine, "pointer", "") for machine in machines.values()), "")
        keyword = pointer.rpartition("/")[2]
        why = f"{keyword!r}: {error} together with what else is said of this number"
        raise SchemaError("unsupported", pointer, why, keyword=keyword) from None


def _digit_limits(machines: Iterable[Machine]) -> _Digits:
    """Limits that keep the spelling's decimal value and the 64-bit float that many parsers make of it on the same side."""
    digits = _Digits()
    for machine in machines:
        match machine:
            case Divisible(wanted=True) if machine.scale == 0:
                digits = digits.joined(_Digits(fraction=0))
            case Divisible() | Fractional():
                scale = getattr(machine, "scale", 0)
                fraction = scale if getattr(machine, "wanted", False) else max(_SHORT_FRACTION, scale)
                digits = digits.joined(_Digits(None, max(_DOUBLE_DIGITS - fraction, 1), fraction))
            case Compared() if machine.signs in (frozenset({-1}), frozenset({1}), frozenset({-1, 1})):
                # Close to a bound that is itself excluded, decimals of many digits would round to it.
                digits = digits.joined(_Digits(fraction=max(_DOUBLE_DIGITS - len(machine.digits[0]), 0)))
        if isinstance(machine, Divisible) and 1 < machine.modulus <= _MAX_COUNTED_MODULUS:
            # Multiples go round in the automaton, not in a loop of one state: so digits are counted.
            digits = digits.joined(_Digits(whole=_MULTIPLE_DIGITS))
    return digits


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
