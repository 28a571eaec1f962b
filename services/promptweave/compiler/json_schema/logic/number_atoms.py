"""The conditions that a schema may place on a number, as small machines that read its spelling digit by digit.

Spelling: an optional `-`, digits without leading zeros, optionally `.` and digits. No exponent, no negative zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.regex.dfa import State


class Machine(Protocol):
    """Reads a well-formed spelling: `start`, then `step` for each character, finally `accepts`."""

    def start(self) -> State: ...
    def step(self, state: State, char: str) -> State: ...
    def accepts(self, state: State) -> bool: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """Integers spelled without a decimal point (`1.0` is an integer, too, but is never generated)."""

    pointer: str = field(default="", compare=False)

    def start(self) -> State:
        return True

    def step(self, state: State, char: str) -> State:
        return bool(state) and char != "."

    def accepts(self, state: State) -> bool:
        return bool(state)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Fractional(self.pointer))


@dataclass(frozen=True, slots=True)
class Fractional:
    """Numbers that are not integers."""

    pointer: str = field(default="", compare=False)

    def start(self) -> State:
        return 0

    def step(self, state: State, char: str) -> State:
        if state == 0:
            return 1 if char == "." else 0
        return 2 if state == 2 or char != "0" else 1

    def accepts(self, state: State) -> bool:
        return bool(state == 2)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Whole(self.pointer))


@dataclass(frozen=True, slots=True)
class Compared:
    """Numbers by their comparison with `value` (a finite decimal): `signs` lists the allowed results of -1, 0, 1."""

    value: Fraction
    signs: frozenset[int]
    pointer: str = field(default="", compare=False)
    digits: tuple[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digits", decimal_digits(abs(self.value)))

    def start(self) -> State:
        return ("sign",)

    def step(self, state: State, char: str) -> State:
        assert isinstance(state, tuple)
        whole, fraction = self.digits
        if state[0] == "sign":
            if char == "-":
                return ("known", -1) if self.value >= 0 else ("whole", 0, 0)
            if self.value < 0:
                return ("known", 1)
            state = ("whole", 0, 0)
        if state[0] == "known":
            return state
        if state[0] == "whole":
            _, count, so_far = state
            if char == ".":
                magnitude = self._magnitude(count, so_far)
                return ("known", self._signed(magnitude)) if magnitude else ("fraction", 0)
            if count == len(whole):
                return ("known", self._signed(1))
            return ("whole", count + 1, so_far or _sign(char, whole[count]))
        place = state[1]
        sign = _sign(char, fraction[place] if place < len(fraction) else "0")
        if sign:
            return ("known", self._signed(sign))
        return ("fraction", min(place + 1, len(fraction)))

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        match state:
            case ("known", sign):
                return sign in self.signs
            case ("whole", count, so_far):
                magnitude = self._magnitude(count, so_far)
                return self._signed(magnitude or (-1 if self.digits[1] else 0)) in self.signs
            case ("fraction", place):
                return self._signed(-1 if place < len(self.digits[1]) else 0) in self.signs
        return False

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Compared(self.value, frozenset({-1, 0, 1}) - self.signs, self.pointer))

    def _magnitude(self, count: int, so_far: int) -> int:
        length = len(self.digits[0])
        return so_far if count == length else (-1 if count < length else 1)

    def _signed(self, magnitude: int) -> int:
        return -magnitude if self.value < 0 else magnitude


@dataclass(frozen=True, slots=True)
class Divisible:
    """Multiples of `of` (a positive finite decimal), or all other numbers."""

    of: Fraction
    wanted: bool = True
    pointer: str = field(default="", compare=False)
    _parts: tuple[int, int, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        whole, fraction = decimal_digits(self.of)
        modulus, tens = int(whole + fraction), 0
        while modulus % 10 == 0:
            modulus, tens = modulus // 10, tens + 1
        # (modulus, tens, scale): `of` is modulus * 10^tens / 10^scale, and the modulus is not a multiple of ten.
        object.__setattr__(self, "_parts", (modulus, tens, len(fraction)))

    @property
    def modulus(self) -> int:
        """Return the number of states needed to read a multiple."""
        return self._parts[0]

    @property
    def scale(self) -> int:
        """Return the number of digits after the decimal point of `of`, and so of its multiples."""
        return self._parts[2]

    def start(self) -> State:
        # (fraction digits read, or -1 before the point; r; z): the number read is r * 10^z, where r is known modulo the
        # modulus, and z counts trailing zeros, up to `tens`. Before any digit the number is zero, with all zeros needed.
        return (-1, 0, self._parts[1])

    def step(self, state: State, char: str) -> State:
        if char == "-" or state is None:
            return state
        assert isinstance(state, tuple)
        place, rest, zeros = state
        modulus, tens, scale = self._parts
        if char == ".":
            return (0, rest, zeros)
        if place >= 0 and place == scale:
            return state if char == "0" else None
        place += place >= 0
        if char != "0":
            return (place, (rest * 10 ** (zeros + 1) + int(char)) % modulus, 0)
        return (place, rest, zeros + 1) if zeros < tens else (place, rest * 10 % modulus, zeros)

    def accepts(self, state: State) -> bool:
        if state is None:
            return not self.wanted
        assert isinstance(state, tuple)
        place, rest, zeros = state
        modulus, tens, scale = self._parts
        for _ in range(scale - max(place, 0)):
            zeros, rest = (zeros + 1, rest) if zeros < tens else (zeros, rest * 10 % modulus)
        return bool(rest == 0 and zeros == tens) == self.wanted

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Divisible(self.of, not self.wanted, self.pointer))


class NoneOf:
    """Numbers that equal none of `values`: the conjunction of many `Compared`, in one machine."""

    def __init__(self, values: Iterable[Fraction]) -> None:
        self.values = frozenset(values)
        self._nodes: list[dict[str, int]] = [{}]
        self._ends: set[int] = set()
        for value in self.values:
            node = 0
            for char in spelled(value):
                following = self._nodes[node].get(char)
                if following is None:
                    following = self._nodes[node][char] = len(self._nodes)
                    self._nodes.append({})
                node = following
            self._ends.add(node)

    def start(self) -> State:
        # (the node reached; whether the text equals one of the numbers, or may with more zeros; whether a point was seen)
        return (0, False, False)

    def step(self, state: State, char: str) -> State:
        assert isinstance(state, tuple)
        node, equal, point = state
        node = self._nodes[node].get(char, -1) if node >= 0 else -1
        equal = node in self._ends or (equal and char == ("0" if point else "."))
        # Once no number can be equal, the rest of the state is irrelevant.
        return (node, equal, point or char == ".") if node >= 0 or equal else (-1, False, False)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        return not state[1]


NumberAtom = Whole | Fractional | Compared | Divisible


def _sign(left: str, right: str) -> int:
    return (left > right) - (left < right)


def decimal_digits(value: Fraction) -> tuple[str, str]:
    """Return the digits of a non-negative finite decimal, before and after the point: ("0", "25") for a quarter."""
    scale, denominator = 0, value.denominator
    while denominator % 10 == 0:
        denominator, scale = denominator // 10, scale + 1
    while denominator != 1:
        denominator = denominator // 5 if denominator % 5 == 0 else denominator // 2
        scale += 1
    digits = str(value.numerator * 10**scale // value.denominator).rjust(scale + 1, "0")
    return (digits[:-scale], digits[-scale:].rstrip("0")) if scale else (digits, "")


def spelled(value: Fraction) -> str:
    """Return the canonical spelling of a finite decimal."""
    whole, fraction = decimal_digits(abs(value))
    return ("-" if value < 0 else "") + whole + (f".{fraction}" if fraction else "")
