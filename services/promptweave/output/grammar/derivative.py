"""Derivatives of grammars (Brzozowski, 1964): what may follow a partial text, as stacks of what is still to come.

A stack is a list of frames; a frame is an expression still to be read, and the frame below it. Equal frames are the same
object (hash consing), so the cost of reading one more character is proportional to the number of alternative readings of the
text, independent of the size of the grammar. An unambiguous grammar has one stack, or a few.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from promptweave.output.grammar.expr import NOTHING, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq, alt, references, seq
from promptweave.output.grammar.gbnf import MAX_CHARACTERS, GrammarTooLargeError, to_gbnf

MAX_STACKS = 1_000
"""Maximum number of simultaneous readings of a text. llama.cpp, too, follows each of them for every token."""

_MAX_FORCED = 4096
"""Characters; needed because a grammar may force an infinite text."""

_MAX_FRAMES = 50_000
"""Maximum number of cached frames and states. When exceeded, the cache is cleared and rebuilt."""


_MANY_LEAVES, _MAX_LEAVES = 64, 20_000
"""Numbers of leaves: sets of characters that an expression may begin with, each with what follows it. Above the first,
duplicates are removed; above the second, the grammar is rejected as ambiguous."""


class AmbiguousGrammarError(ValueError):
    """A text has more than `MAX_STACKS` alternative readings."""


Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points."""


class _Frame:
    """An expression still to be read, and the frame below it, which follows it (None: the end).

    For a literal or a sequence, `low` is the position in it; for a repetition, `low` and `high` are the remaining counts.
    """

    __slots__ = ("below", "expr", "high", "low")

    def __init__(self, expr: Expr, low: int, high: int | None, below: "_Frame | None") -> None:
        self.expr, self.low, self.high, self.below = expr, low, high, below

    def remainder(self) -> Expr:
        """Return the unread remainder of the expression."""
        match self.expr:
            case Lit(text):
                return Lit(text[self.low :])
            case Seq(items):
                return Seq(items[self.low :])
            case Rep(item):
                return Rep(item, self.low, self.high)
        return self.expr


_Part = tuple[Expr, int, int | None]
"""An expression with the `low` and `high` of its frame."""


_Leaf = tuple[Ranges, tuple[_Part, ...]]
"""Characters, and the parts of the expression that follow one of them, last part first."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """The ways in which an expression may begin."""

    leaves: tuple[_Leaf, ...]
    may_be_empty: bool


class Derivative:
    """What may follow the text so far. Within one `DerivativeCache`, equal derivatives are the same object."""

    __slots__ = ("_cache", "_forced", "_next", "_stacks", "_ways", "may_end")

    def __init__(self, stacks: frozenset[_Frame | None], cache: "DerivativeCache") -> None:
        self._stacks, self._cache = stacks, cache
        self._next: dict[str, Derivative | None] = {}
        self._forced: str | None = None
        self._ways: list[tuple[_Heads, _Frame | None]] = []
        """The possible beginnings of each stack, each with the frame below it."""
        self.may_end = False
        """True if the text may end here."""
        for stack in stacks:
            self.may_end |= cache.open(stack, self._ways)

    @property
    def memo(self) -> dict[object, Any]:
        """Return `DerivativeCache.memo`."""
        return self._cache.memo

    @property
    def remembered(self) -> int:
        """Return `DerivativeCache.size`."""
        return self._cache.size

    @property
    def printable(self) -> bool:
        """Return whether `gbnf` may be called: no rule refers to `root`, since the remaining grammar has its own root."""
        return self._cache.printable

    @property
    def readings(self) -> int:
        """Return the number of alternative readings of the text so far."""
        return len(self._stacks)

    @property
    def over(self) -> bool:
        """Return whether the text must end here."""
        return self.may_end and not any(heads.leaves for heads, _ in self._ways)

    def after(self, text: str) -> "Derivative | None":
        """Return the derivative after `text`, or None if `text` is not allowed here. Raises AmbiguousGrammarError."""
        state: Derivative | None = self
        for char in text:
            if state is None:
                return None
            known = state._next
            state = known[char] if char in known else state._step(char)
        return state

    @property
    def allows_non_ascii(self) -> bool:
        """Return whether any character above U+007F may come next."""
        return any(high > 0x7F for ranges in self._ranges() for _, high in ranges)

    def forced_text(self) -> str:
        """Return the text that must come next, while the grammar allows only one alternative; at most 4096 characters."""
        if self._forced is None:
            text, state = "", self
            with suppress(AmbiguousGrammarError):
                while len(text) < _MAX_FORCED and (char := state._only()):
                    following = state.after(char)
                    assert following, "it is the only one"
                    text, state = text + char, following
            self._forced = text
        return self._forced

    def first_characters(self, most: int) -> list[str] | None:
        """Return the characters that may come next, or None if there are more than `most`."""
        found: dict[str, None] = {}
        for ranges in self._ranges():
            for low, high in ranges:
                if high - low >= most:
                    return None
                found.update(dict.fromkeys(map(chr, range(low, high + 1))))
                if len(found) > most:
                    return None
        return list(found)

    def sample_characters(self, most: int) -> list[str]:
        """Return up to `most` characters that may come next, among them one that the most readings allow, if few differ."""
        lows: dict[str, None] = {}
        for ranges in self._ranges():
            for low, _ in ranges:
                lows[chr(low)] = None
                if len(lows) == most:
                    return list(lows)
        return list(lows)

    def grammar(self) -> Grammar:
        """Return the grammar of what may follow."""
        return self._cache.grammar(self._stacks)

    def gbnf(self) -> str:
        """Return that grammar as GBNF. Raises GrammarTooLargeError."""
        return to_gbnf(self.grammar())

    def fits(self) -> bool:
        """Return whether the GBNF text is within the size limit for engines. Cheap if the grammar is small."""
        if self._cache.characters < MAX_CHARACTERS // (4 * max(len(self._stacks), 1)):
            return True
        try:
            self.gbnf()
        except GrammarTooLargeError:
            return False
        return True

    def _only(self) -> str | None:
        """Return the single character that must come next, or None."""
        if self.may_end:
            return None
        found = self.first_characters(1)
        return found[0] if found else None

    def _ranges(self) -> Iterable[Ranges]:
        return (ranges for heads, _ in self._ways for ranges, _ in heads.leaves)

    def _step(self, char: str) -> "Derivative | None":
        code = ord(char)
        stacks = set()
        for heads, below in self._ways:
            for ranges, parts in heads.leaves:
                for low, high in ranges:
                    if low <= code <= high:
                        stacks.add(self._cache.pushed(parts, below))
                        break
        self._next[char] = state = self._cache.state(frozenset(stacks)) if stacks else None
        return state


class DerivativeCache:
    """The derivatives of one grammar."""

    def __init__(self, rules: Mapping[str, Expr], characters: int = 0) -> None:
        """Create a cache for `rules`, which include every referenced rule and `root`.

        `characters`: the length of the grammar's text.
        """
        known: dict[Expr, Expr] = {}
        # Equal expressions become the same object, so that frames can be compared by identity.
        self._rules = {name: _shared(body, known) for name, body in rules.items()}
        self.characters = characters
        self.printable = not any("root" in references(body) for body in rules.values())
        self._frames: dict[tuple[int, int, int | None, int], _Frame] = {}
        self._states: dict[frozenset[_Frame | None], Derivative] = {}
        self._known_heads: dict[tuple[int, int], _Heads] = {}
        self.memo: dict[object, Any] = {}
        """Data that callers cache about these derivatives; cleared together with them."""

    @property
    def size(self) -> int:
        """Return the number of cached frames and states, of about half a kilobyte each."""
        return len(self._states) + len(self._frames)

    def start(self) -> Derivative:
        """Return the derivative before the first character. Raises AmbiguousGrammarError."""
        return self.state(frozenset((self.pushed((_part(self._rules["root"]),), None),)))

    def state(self, stacks: frozenset[_Frame | None]) -> Derivative:
        """Return the derivative with these stacks. Raises AmbiguousGrammarError."""
        known = self._states.get(stacks)
        if known is None:
            if len(stacks) > MAX_STACKS:
                raise AmbiguousGrammarError
            if self.size > _MAX_FRAMES:
                # Callers hold the start state, from which every state may be reachable: clear the transitions, too.
                for state in self._states.values():
                    state._next.clear()
                self._states.clear()
                self._frames.clear()
                self.memo.clear()
            known = self._states[stacks] = Derivative(stacks, self)
        return known

    def open(self, stack: _Frame | None, ways: list[tuple[_Heads, _Frame | None]]) -> bool:
        """Append the possible beginnings of a stack to `ways`; return whether it may end. Raises AmbiguousGrammarError."""
        while stack is not None:
            expr, below = stack.expr, stack.below
            if isinstance(expr, Rep):
                heads, low, high = self._heads(expr.item), stack.low, stack.high
                if high != 0:
                    more = high != 1 or low > 1
                    again = self._frame(expr, max(low - 1, 0), None if high is None else high - 1, below) if more else below
                    ways.append((heads, again))
                if low > 0 and not heads.may_be_empty:
                    return False
            else:
                heads = self._heads(expr, stack.low)
                ways.append((heads, below))
                if not heads.may_be_empty:
                    return False
            stack = below
        return True

    def pushed(self, parts: tuple[_Part, ...], below: _Frame | None) -> _Frame | None:
        """Return the stack `below` with `parts` pushed onto it."""
        for expr, low, high in parts:
            below = self._frame(expr, low, high, below)
        return below

    def _heads(self, expr: Expr, place: int = 0) -> _Heads:
        """Return how an expression may begin; of a literal or sequence, from `place` on. Raises AmbiguousGrammarError."""
        key = (id(expr), place)
        known = self._known_heads.get(key)
        if known is None:
            try:
                known = self._known_heads[key] = self._find_heads(expr, place)
            except RecursionError:
                raise AmbiguousGrammarError from None
        return known

    def _find_heads(self, expr: Expr, place: int) -> _Heads:
        match expr:
            case Lit(text):
                if place == len(text):
                    return _Heads((), may_be_empty=True)
                code, rest = ord(text[place]), place + 1
                return _Heads(((((code, code),), ((expr, rest, None),) if rest < len(text) else ()),), may_be_empty=False)
            case Chars(ranges):
                return _Heads(((ranges, ()),), may_be_empty=False)
            case Ref(name):
                return self._heads(self._rules[name])
            case Alt(items):
                each = [self._heads(item) for item in items]
                leaves = _distinct([leaf for heads in each for leaf in heads.leaves])
                return _Heads(leaves, may_be_empty=any(heads.may_be_empty for heads in each))
            case Seq(items):
                found: list[_Leaf] = []
                for number in range(place, len(items)):
                    heads = self._heads(items[number])
                    later: tuple[_Part, ...] = ((expr, number + 1, None),) if number + 1 < len(items) else ()
                    found += [(ranges, (*later, *parts)) for ranges, parts in heads.leaves]
                    if len(found) > _MAX_LEAVES:
                        raise AmbiguousGrammarError
                    if not heads.may_be_empty:
                        return _Heads(_distinct(found), may_be_empty=False)
                return _Heads(_distinct(found), may_be_empty=True)
            case Rep(item, low, high):
                heads = self._heads(item)
                if high == 0:
                    return _Heads((), may_be_empty=True)
                again: tuple[_Part, ...] = ((expr, max(low - 1, 0), None if high is None else high - 1),)
                again = () if high == 1 else again
                leaves_again = tuple((ranges, (*again, *parts)) for ranges, parts in heads.leaves)
                return _Heads(leaves_again, may_be_empty=low == 0 or heads.may_be_empty)

    def grammar(self, stacks: Iterable[_Frame | None]) -> Grammar:
        """Return the grammar of what the stacks accept."""
        root = _of_stacks(stacks)
        found: dict[str, Expr] = {}
        waiting = references(root)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._rules[name]
                waiting.extend(references(found[name]))
        # Rules keep their original order, not that of discovery. The original `root` is not the root of this grammar.
        return Grammar(root, {name: body for name, body in self._rules.items() if name in found})

    def _frame(self, expr: Expr, low: int, high: int | None, below: _Frame | None) -> _Frame:
        key = (id(expr), low, high, id(below))
        known = self._frames.get(key)
        if known is None:
            known = self._frames[key] = _Frame(expr, low, high, below)
        return known


def _distinct(leaves: list[_Leaf]) -> tuple[_Leaf, ...]:
    """Return the leaves without duplicates, which would double with each rule that refers to another one twice."""
    if len(leaves) > _MANY_LEAVES:
        by_identity = {
            (ranges, tuple((id(expr), low, high) for expr, low, high in parts)): (ranges, parts) for ranges, parts in leaves
        }
        leaves = list(by_identity.values())
        if len(leaves) > _MAX_LEAVES:
            raise AmbiguousGrammarError
    return tuple(leaves)


def _part(expr: Expr) -> _Part:
    return (expr, expr.min, expr.max) if isinstance(expr, Rep) else (expr, 0, None)


def _of_stacks(stacks: Iterable[_Frame | None]) -> Expr:
    """Return what is still to come as one expression: stacks with the same frames below share them."""
    heads: dict[_Frame | None, list[Expr]] = {}
    may_end = False
    for stack in stacks:
        if stack is None:
            may_end = True
        else:
            heads.setdefault(stack.below, []).append(stack.remainder())
    choices = []
    for below, found in heads.items():
        parts = [alt(*sorted(found, key=repr))]
        while below is not None:
            parts.append(below.remainder())
            below = below.below
        choices.append(seq(*parts))
    # Sets are unordered, but the same derivative should have the same text.
    choices.sort(key=repr)
    return alt(*choices, *([Seq(())] if may_end else [])) if choices or may_end else NOTHING


def _shared(expr: Expr, known: dict[Expr, Expr]) -> Expr:
    """Return the expression with equal parts replaced by the same object."""
    found = known.get(expr)
    if found is None:
        match expr:
            case Seq(items):
                found = Seq(tuple(_shared(item, known) for item in items))
            case Alt(items):
                found = Alt(tuple(_shared(item, known) for item in items))
            case Rep(item, low, high):
                found = Rep(_shared(item, known), low, high)
            case _:
                found = expr
        known[expr] = found
    return found
