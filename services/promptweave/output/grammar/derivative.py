"""What may follow a text that has begun: the derivative of its grammar (Brzozowski, 1964), as stacks of what is still to
come.

A stack is a list of frames; a frame is an expression that is still to be read, and the frame below it. Equal frames are the
same object (hash consing), so that reading one more character costs as much as there are ways to read the text, whatever
the size of the grammar. An unambiguous grammar has one stack, or a few.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from promptweave.output.grammar.expr import NOTHING, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq, alt, references, seq
from promptweave.output.grammar.gbnf import MAX_CHARACTERS, GrammarTooLargeError, to_gbnf

MAX_STACKS = 1_000
"""Ways to read a text at the same time. llama.cpp follows each of them with every token, too."""

_MAX_FORCED = 4096
"""Characters: a grammar may force a text without end."""

_MAX_FRAMES = 50_000
"""Frames and states that are remembered. Above, they are forgotten, and are made anew."""


_MANY_LEAVES, _MAX_LEAVES = 64, 20_000
"""Characters that an expression may begin with, each with what comes after it."""


class AmbiguousGrammarError(ValueError):
    """There are more than `MAX_STACKS` ways to read a text."""


Ranges = tuple[tuple[int, int], ...]
"""Code points, inclusive."""


class _Frame:
    """An expression that is still to be read, and what comes after it (None: the end).

    Of a literal and of a sequence `low` is the place in it; of a repetition `low` and `high` are the counts that are left.
    """

    __slots__ = ("below", "expr", "high", "low")

    def __init__(self, expr: Expr, low: int, high: int | None, below: "_Frame | None") -> None:
        self.expr, self.low, self.high, self.below = expr, low, high, below

    def rest(self) -> Expr:
        """What is left of the expression."""
        match self.expr:
            case Lit(text):
                return Lit(text[self.low :])
            case Seq(items):
                return Seq(items[self.low :])
            case Rep(item):
                return Rep(item, self.low, self.high)
        return self.expr


_Part = tuple[Expr, int, int | None]
"""An expression with the numbers of its frame."""


_Leaf = tuple[Ranges, tuple[_Part, ...]]
"""Characters, and what of the expression comes after one of them, the last part first."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """How an expression may begin."""

    leaves: tuple[_Leaf, ...]
    may_be_empty: bool


class Derivative:
    """What may follow the text so far. The same derivative is the same object, of one `DerivativeCache`."""

    __slots__ = ("_cache", "_forced", "_next", "_stacks", "_ways", "may_end")

    def __init__(self, stacks: frozenset[_Frame | None], cache: "DerivativeCache") -> None:
        self._stacks, self._cache = stacks, cache
        self._next: dict[str, Derivative | None] = {}
        self._forced: str | None = None
        self._ways: list[tuple[_Heads, _Frame | None]] = []
        """How the stacks may go on, each with the frame below."""
        self.may_end = False
        """Whether the text may end here."""
        for stack in stacks:
            self.may_end |= cache.open(stack, self._ways)

    @property
    def memo(self) -> dict[object, Any]:
        """See `DerivativeCache.memo`."""
        return self._cache.memo

    @property
    def remembered(self) -> int:
        """See `DerivativeCache.size`."""
        return self._cache.size

    @property
    def printable(self) -> bool:
        """Whether `gbnf` may be asked for: no rule of the grammar names its root, since a rest has a root of its own."""
        return self._cache.printable

    @property
    def over(self) -> bool:
        """Whether the text must end here."""
        return self.may_end and not any(heads.leaves for heads, _ in self._ways)

    def after(self, text: str) -> "Derivative | None":
        """What may follow when `text` has come. None: it may not come. Raises AmbiguousGrammarError."""
        state: Derivative | None = self
        for char in text:
            if state is None:
                return None
            known = state._next
            state = known[char] if char in known else state._step(char)
        return state

    def allows(self, char: str) -> bool:
        """Whether a character may come next."""
        code = ord(char)
        return any(low <= code <= high for ranges in self._ranges() for low, high in ranges)

    @property
    def allows_non_ascii(self) -> bool:
        """Whether some character above U+007F may come next."""
        return any(high > 0x7F for ranges in self._ranges() for _, high in ranges)

    def forced_text(self) -> str:
        """The text that must come next, as far as the grammar leaves one way only; at most 4096 characters."""
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
        """The characters that may come next. None: more than `most`."""
        found: dict[str, None] = {}
        for ranges in self._ranges():
            for low, high in ranges:
                if high - low >= most:
                    return None
                found.update(dict.fromkeys(map(chr, range(low, high + 1))))
                if len(found) > most:
                    return None
        return list(found)

    def grammar(self) -> Grammar:
        """The grammar of what may follow."""
        return self._cache.grammar(self._stacks)

    def gbnf(self) -> str:
        """That grammar's text. Raises GrammarTooLargeError."""
        return to_gbnf(self.grammar())

    def fits(self) -> bool:
        """Whether that text is no longer than engines are given. Cheap where the grammar is small."""
        if self._cache.characters < MAX_CHARACTERS // (4 * max(len(self._stacks), 1)):
            return True
        try:
            self.gbnf()
        except GrammarTooLargeError:
            return False
        return True

    def _only(self) -> str | None:
        """The character that must come next."""
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
        """`rules`: all that are named, `root` among them. `characters`: of the grammar's text."""
        known: dict[Expr, Expr] = {}
        # Equal expressions become the same object, so that frames can be told apart by identity.
        self._rules = {name: _shared(body, known) for name, body in rules.items()}
        self.characters = characters
        self.printable = not any("root" in references(body) for body in rules.values())
        self._frames: dict[tuple[int, int, int | None, int], _Frame] = {}
        self._states: dict[frozenset[_Frame | None], Derivative] = {}
        self._known_heads: dict[tuple[int, int], _Heads] = {}
        self.memo: dict[object, Any] = {}
        """What others want to remember of these derivatives, and not for longer."""

    @property
    def size(self) -> int:
        """How much is remembered: frames and states, of about half a kilobyte each."""
        return len(self._states) + len(self._frames)

    def start(self) -> Derivative:
        """Before the first character. Raises AmbiguousGrammarError."""
        return self.state(frozenset((self.pushed((_part(self._rules["root"]),), None),)))

    def state(self, stacks: frozenset[_Frame | None]) -> Derivative:
        """The derivative with these stacks. Raises AmbiguousGrammarError."""
        known = self._states.get(stacks)
        if known is None:
            if len(stacks) > MAX_STACKS:
                raise AmbiguousGrammarError
            if self.size > _MAX_FRAMES:
                # Each of them may be reached from the start, which somebody holds.
                for state in self._states.values():
                    state._next.clear()
                self._states.clear()
                self._frames.clear()
                self.memo.clear()
            known = self._states[stacks] = Derivative(stacks, self)
        return known

    def open(self, stack: _Frame | None, ways: list[tuple[_Heads, _Frame | None]]) -> bool:
        """Adds how a stack may go on; returns whether it may end. Raises AmbiguousGrammarError."""
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
        """A stack with further parts on it."""
        for expr, low, high in parts:
            below = self._frame(expr, low, high, below)
        return below

    def _heads(self, expr: Expr, place: int = 0) -> _Heads:
        """How an expression may begin; of a literal or a sequence, at a place in it. Raises AmbiguousGrammarError."""
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
        """The grammar of what the stacks admit."""
        root = _of_stacks(stacks)
        found: dict[str, Expr] = {}
        waiting = references(root)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._rules[name]
                waiting.extend(references(found[name]))
        # In the order of the whole grammar, whichever came first here. Its root is the root of the rest no more.
        return Grammar(root, {name: body for name, body in self._rules.items() if name in found})

    def _frame(self, expr: Expr, low: int, high: int | None, below: _Frame | None) -> _Frame:
        key = (id(expr), low, high, id(below))
        known = self._frames.get(key)
        if known is None:
            known = self._frames[key] = _Frame(expr, low, high, below)
        return known


def _distinct(leaves: list[_Leaf]) -> tuple[_Leaf, ...]:
    """The leaves, each once: rules that name one another twice would double them with each rule."""
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
    """What is still to come, as one expression: stacks with the same frames below share them."""
    heads: dict[_Frame | None, list[Expr]] = {}
    may_end = False
    for stack in stacks:
        if stack is None:
            may_end = True
        else:
            heads.setdefault(stack.below, []).append(stack.rest())
    choices = []
    for below, found in heads.items():
        parts = [alt(*sorted(found, key=repr))]
        while below is not None:
            parts.append(below.rest())
            below = below.below
        choices.append(seq(*parts))
    # A set has no order; the same derivative should be the same text.
    choices.sort(key=repr)
    return alt(*choices, *([Seq(())] if may_end else [])) if choices or may_end else NOTHING


def _shared(expr: Expr, known: dict[Expr, Expr]) -> Expr:
    """The expression, with equal parts as the same objects."""
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
