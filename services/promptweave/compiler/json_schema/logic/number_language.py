"""The automaton of the numbers that satisfy a formula: it checks all conditions simultaneously."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Or
from promptweave.compiler.json_schema.logic.number_atoms import (
    Compared,
    Divisible,
    Fractional,
    Machine,
    NoneOf,
    NumberAtom,
    Whole,
    decimal_digits,
    spelled,
)
from promptweave.compiler.regex import charset
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.dfa import Dfa, State, TooManyStatesError

MAX_MODULUS = 1_000
"""Maximum `multipleOf`, scaled to an integer and without its factors of ten."""

_DOUBLE_DIGITS = 15
"""Decimals of up to this many digits remain distinct as 64-bit floats."""

_FLOAT_DIGITS = 300
"""Decimals with up to this many digits after the point are nonzero as 64-bit floats, unless they are zero."""

_SHORT_FRACTION = 6
"""Digits after the point, if the number must not be an integer or a multiple."""

_EQUAL, _DIFFERENT = frozenset({0}), frozenset({-1, 1})

_SYMBOLS = "-.0123456789"

_CLASSES = tuple(charset.of(symbol) for symbol in _SYMBOLS)


MAX_WHOLE_DIGITS, MAX_FRACTION_DIGITS = 64, 32

CALL_DIGITS = 16
"""Digits of a number without bounds that a model writes into a call or an answer: all integers that 64-bit floats tell
apart. Models that repeat a digit are stopped there."""


@dataclass(frozen=True, slots=True)
class _Digits:
    """The maximum number of digits before and after the point of a number with a point; and of a number without one."""

    whole: int
    fraction: int
    plain: int = 10**9


_ANY_DIGITS = _Digits(10**9, 10**9)


def _limit(atom: Machine) -> _Digits:
    """Return up to which length an atom that holds for a decimal also holds for the 64-bit float that parsers read."""
    match atom:
        case Divisible(wanted=True):
            return _Digits(10**9, atom.scale) if atom.scale else _Digits(-1, -1)
        case Divisible() | Fractional():
            fraction = max(_SHORT_FRACTION, getattr(atom, "scale", 0))
            # In floats a large quotient is always an integer; it has more digits than the number, by those of 1 / `of`.
            more = len(str(ceil(1 / atom.of))) if isinstance(atom, Divisible) else 0
            plain = max(_DOUBLE_DIGITS - more, 1) if getattr(atom, "scale", 0) else 10**9
            return _Digits(max(_DOUBLE_DIGITS - fraction - more, 1), fraction, plain)
        case Compared() if 0 not in atom.signs:
            # Decimals of many digits close to an excluded bound would round to it.
            return _Digits(10**9, _apart_behind_point(atom.digits))
        case NoneOf():
            return _Digits(10**9, min(_apart_behind_point(decimal_digits(abs(each))) for each in atom.values))
        case Compared() if len(atom.digits[1]) > _FLOAT_DIGITS - MAX_FRACTION_DIGITS:
            return _Digits(10**9, _FLOAT_DIGITS)
    return _ANY_DIGITS


def _apart_behind_point(digits: tuple[str, str]) -> int:
    """Return how many digits after the point keep a decimal distinct from this one, as 64-bit floats."""
    whole, fraction = digits
    if whole != "0":
        return max(_DOUBLE_DIGITS - len(whole), 0)
    if not fraction:
        return 10**9
    return min(_DOUBLE_DIGITS - 1 + len(fraction) - len(fraction.lstrip("0")), _FLOAT_DIGITS)


class _WellFormed:
    """Spellings without leading zeros, exponent or negative zero; of limited length if they have a point."""

    def __init__(self, limit: _Digits) -> None:
        self._limit = limit
        self._whole = limit.whole + 1 if limit.whole < 10**9 else 0
        if limit.plain < 10**9:
            self._whole = max(self._whole, limit.plain + 1)
        self._fraction = limit.fraction + 1 if limit.fraction < 10**9 else 0

    def start(self) -> State:
        return ("start", False, 0)

    def step(self, state: State, char: str) -> State:
        # (phase; whether it is negative and all zeros so far; digits in this phase, as far as they are counted)
        phase, owes, count = state
        if char == "-":
            return ("minus", True, 0) if phase == "start" else None
        if char == ".":
            fits = not self._whole or count <= self._limit.whole
            return ("point", owes, 0) if phase in ("zero", "whole") and fits and self._limit.fraction > 0 else None
        if phase in ("start", "minus"):
            one = min(1, self._whole)
            return ("zero", owes, one) if char == "0" else ("whole", False, one)
        if phase == "zero":
            return None
        if phase == "whole":
            return ("whole", False, min(count + 1, self._whole))
        if self._fraction and count == self._limit.fraction:
            return None
        return ("fraction", owes and char == "0", min(count + 1, self._fraction))

    def accepts(self, state: State) -> bool:
        phase, owes, count = state
        return (phase in ("zero", "fraction") or (phase == "whole" and count <= self._limit.plain)) and not owes


def language(formula: FormulaId, formulas: Formulas) -> Dfa:
    """Return the automaton of the spellings of the numbers that satisfy a formula."""
    value = formulas.values[formula]
    match value:
        case And(()):
            return _spellings()
        case And(parts):
            different, others = _apart(parts, _DIFFERENT, formulas)
            each = [language(part, formulas) for part in (others if len(different) > 1 else parts)]
            if len(different) > 1:
                none_of = NoneOf(different)
                each.append(_at(formulas.pointer(formula), lambda: _read(_WellFormed(_limit(none_of)), none_of)))
            return _at(formulas.pointer(formula), lambda: automaton.intersection_of(each))
        case Or(parts):
            each = [language(part, formulas) for part in parts]
            return _at(formulas.pointer(formula), lambda: automaton.union_of(each))
        case Divisible() if value.modulus > MAX_MODULUS:
            why = f"multipleOf {spelled(value.of)} requires {value.modulus} states; at most {MAX_MODULUS} are supported"
            raise SchemaError("unsupported", value.pointer, why, keyword="multipleOf")
        case Whole() | Fractional() | Compared() | Divisible():
            return _at(value.pointer, lambda: _atom(value))
    raise AssertionError(value)


def widest(formula: FormulaId, formulas: Formulas) -> Dfa:
    """Return all spellings, of any length, of the numbers that satisfy a formula. Raises TooManyStatesError."""
    value = formulas.values[formula]
    match value:
        case And(parts):
            different, others = _apart(parts, _DIFFERENT, formulas)
            each = [widest(part, formulas) for part in others]
            spellings = _read(_WellFormed(_ANY_DIGITS), NoneOf(different)) if different else _spellings()
            return automaton.intersection_of([spellings, *each])
        case Or(parts):
            return automaton.union_of(widest(part, formulas) for part in parts)
        case Whole():
            return automaton.difference(_spellings(), _any_length(Fractional()))
        case Divisible() if value.modulus > MAX_MODULUS:
            return _spellings()
        case Fractional() | Compared() | Divisible():
            return _any_length(value)
    return _spellings()


@lru_cache(maxsize=512)
def _any_length(atom: NumberAtom) -> Dfa:
    return _read(_WellFormed(_ANY_DIGITS), atom)


@lru_cache(maxsize=2048)
def _atom(atom: NumberAtom) -> Dfa:
    return _read(_WellFormed(_limit(atom)), atom)


@cache
def _spellings() -> Dfa:
    return _read(_WellFormed(_ANY_DIGITS), Compared(Fraction(0), frozenset({-1, 0, 1})))


def _read(spelling: _WellFormed, atom: Machine) -> Dfa:
    def step(state: State, place: int) -> State | None:
        char = _SYMBOLS[place]
        outer = spelling.step(state[0], char)
        return None if outer is None else (outer, atom.step(state[1], char))

    def accepts(state: State) -> bool:
        return spelling.accepts(state[0]) and atom.accepts(state[1])

    return automaton.build((spelling.start(), atom.start()), step, accepts, _CLASSES)


def _at(pointer: str, make: Callable[[], Dfa]) -> Dfa:
    try:
        return make()
    except TooManyStatesError as error:
        keyword = pointer.rpartition("/")[2]
        why = f"{keyword}: {error} when combined with the other number keywords"
        raise SchemaError("unsupported", pointer, why, keyword=keyword) from None


def finite_spellings(formula: FormulaId, formulas: Formulas) -> list[str] | None:
    """Return the spellings of the numbers that satisfy a formula if the schema lists them; else None."""
    values = listed(formula, formulas)
    if values is None:
        return None
    apart = cache(lambda parts, signs: _apart(parts, signs, formulas))

    def holds(part: FormulaId, number: Fraction) -> bool:
        value = formulas.values[part]
        match value:
            case And(parts):
                different, others = apart(parts, _DIFFERENT)
                return number not in different and all(holds(other, number) for other in others)
            case Or(parts):
                equal, others = apart(parts, _EQUAL)
                return number in equal or any(holds(other, number) for other in others)
            case Whole():
                return number.denominator == 1
            case Fractional():
                return number.denominator != 1
            case Compared():
                return ((number > value.value) - (number < value.value)) in value.signs
            case Divisible():
                return (number % value.of == 0) == value.wanted
        raise AssertionError(value)

    found = []
    for number in values:
        check_deadline()
        if holds(formula, number):
            found.append(spelled(number))
    return found


def _apart(
    parts: Iterable[FormulaId], signs: frozenset[int], formulas: Formulas
) -> tuple[frozenset[Fraction], tuple[FormulaId, ...]]:
    """Return the numbers that parts compare with in this way, and the other parts: a set lookup is faster than a list."""
    numbers, others = set(), []
    for part in parts:
        match formulas.values[part]:
            case Compared(number, found) if found == signs:
                numbers.add(number)
            case _:
                others.append(part)
    return frozenset(numbers), tuple(others)


def listed(formula: FormulaId, formulas: Formulas) -> list[Fraction] | None:
    """Return the numbers that the schema lists, of which a formula accepts some or all; None if it lists none."""
    value = formulas.values[formula]
    match value:
        case Compared(number, signs) if signs == frozenset({0}):
            return [number]
        case Or(parts):
            found: dict[Fraction, None] = {}
            for part in parts:
                values = listed(part, formulas)
                if values is None:
                    return None
                found.update(dict.fromkeys(values))
            return list(found)
        case And(parts):
            for part in parts:
                values = listed(part, formulas)
                if values is not None:
                    return values
    return None
