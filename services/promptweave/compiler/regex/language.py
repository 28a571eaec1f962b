"""Regular languages as values, and their automata.

Automata are built from positions and their successors (Glushkov 1961), as bit masks; intersections and complements are
converted to automata first and then embedded.
"""

from dataclasses import dataclass, field

from promptweave.compiler.regex import charset
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.charset import UNIVERSE, Ranges
from promptweave.compiler.regex.dfa import DEAD, Dfa, State, TooManyStatesError

MAX_POSITIONS = 6_000
"""Maximum number of characters in a language, with counted repetitions expanded."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Items in order; `Concatenation(())` is the empty text."""

    items: tuple["Language", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of several alternatives; `Either(())` matches nothing."""

    items: tuple["Language", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` repeated `min` to `max` (None: unbounded) times."""

    item: "Language"
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """The intersection of two languages."""

    left: "Language"
    right: "Language"


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of a language."""

    item: "Language"


Language = OneOf | Concatenation | Either | Repeat | Both | Not

EPSILON = Concatenation(())
NOTHING = Either(())
ANY = OneOf(UNIVERSE)
EVERYTHING = Repeat(ANY)


def sequence(*items: Language) -> Language:
    """Return a flat sequence; a `NOTHING` item makes the result `NOTHING`."""
    flat: list[Language] = []
    for item in items:
        if item == NOTHING:
            return NOTHING
        flat.extend(item.items if isinstance(item, Concatenation) else (item,))
    return flat[0] if len(flat) == 1 else Concatenation(tuple(flat))


def either(*items: Language) -> Language:
    """Return a flat choice without duplicates."""
    flat: dict[Language, None] = {}
    for item in items:
        flat.update(dict.fromkeys(item.items if isinstance(item, Either) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else Either(tuple(flat))


def literal(text: str) -> Language:
    """Return the language of exactly this text."""
    return sequence(*(OneOf(charset.of(char)) for char in text))


def both(left: Language, right: Language) -> Language:
    """Return the intersection."""
    if NOTHING in (left, right):
        return NOTHING
    if left == EVERYTHING:
        return right
    return left if right == EVERYTHING else Both(left, right)


def has_empty(language: Language) -> bool:
    """Return whether the language contains the empty text."""
    match language:
        case OneOf():
            return False
        case Concatenation(items):
            return all(map(has_empty, items))
        case Either(items):
            return any(map(has_empty, items))
        case Repeat(item, low, _):
            return low == 0 or has_empty(item)
        case Both(left, right):
            return has_empty(left) and has_empty(right)
        case Not(item):
            return not has_empty(item)


def to_dfa(language: Language) -> Dfa:
    """Return the minimal automaton. Raises TooManyStatesError."""
    match language:
        case Both(left, right):
            return automaton.intersection(to_dfa(left), to_dfa(right))
        case Not(item):
            return automaton.complement(to_dfa(item))
        case Either(items) if any(isinstance(item, Both | Not) for item in items):
            whole = automaton.EMPTY
            for item in items:
                whole = automaton.union(whole, to_dfa(item))
            return whole
    return _Positions().automaton(language)


@dataclass(frozen=True, slots=True)
class _Span:
    """Properties of a part of a language: whether it may be empty, and where it begins and ends (masks of positions)."""

    empty: bool
    first: int
    last: int


@dataclass
class _Positions:
    ranges: list[Ranges] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)

    def automaton(self, language: Language) -> Dfa:
        whole = self._span(language)
        distinct = list(dict.fromkeys(self.ranges))
        masks = [0] * len(distinct)
        place_of = {ranges: place for place, ranges in enumerate(distinct)}
        for position, ranges in enumerate(self.ranges):
            masks[place_of[ranges]] |= 1 << position
        classes = charset.partition(distinct)
        readers = [sum(masks[place] for place in _bits(member)) for _, member in classes]
        known: dict[int, tuple[int, bool]] = {}
        # Once any text may follow, other active positions are irrelevant.
        anything = sum(
            1 << position
            for position in _bits(whole.last)
            if self.ranges[position] == UNIVERSE and self.follow[position] >> position & 1
        )

        def step(state: State, place: int) -> State | None:
            hit = state[0] & readers[place]
            if not hit:
                return None
            if hit not in known:
                after = 0
                for position in _bits(hit):
                    after |= self.follow[position]
                ends = bool(hit & whole.last)
                known[hit] = (after & anything & -(after & anything), True) if ends and after & anything else (after, ends)
            return known[hit]

        return automaton.build(
            (whole.first, whole.empty),
            step,
            lambda state: state[1],
            [ranges for ranges, _ in classes],
        )

    def _add(self, ranges: Ranges) -> int:
        if len(self.ranges) >= MAX_POSITIONS:
            raise TooManyStatesError(MAX_POSITIONS)
        self.ranges.append(ranges)
        self.follow.append(0)
        return 1 << (len(self.ranges) - 1)

    def _link(self, last: int, first: int) -> None:
        for position in _bits(last):
            self.follow[position] |= first

    def _span(self, language: Language) -> _Span:
        match language:
            case OneOf(ranges):
                if not ranges:
                    return _Span(empty=False, first=0, last=0)
                position = self._add(ranges)
                return _Span(empty=False, first=position, last=position)
            case Concatenation(items):
                span = _Span(empty=True, first=0, last=0)
                for item in items:
                    span = self._joined(span, self._span(item))
                return span
            case Either(items):
                spans = [self._span(item) for item in items]
                first = last = 0
                for each in spans:
                    first, last = first | each.first, last | each.last
                return _Span(any(each.empty for each in spans), first, last)
            case Repeat(item, low, high):
                return self._repeated(item, low, high)
        return self._embedded(to_dfa(language))

    def _joined(self, left: _Span, right: _Span) -> _Span:
        self._link(left.last, right.first)
        return _Span(
            left.empty and right.empty,
            left.first | right.first if left.empty else left.first,
            right.last | left.last if right.empty else right.last,
        )

    def _repeated(self, item: Language, low: int, high: int | None) -> _Span:
        if high == 0:
            return _Span(empty=True, first=0, last=0)
        # If the item may be empty, all copies are optional, so it is enough that each copy follows the one before.
        low = 0 if has_empty(item) else low
        copies = max(low, 1) if high is None else high
        span, first, last = None, 0, 0
        for copy in range(1, copies + 1):
            following = self._span(item)
            if span is not None:
                self._link(span.last, following.first)
            first = first or following.first
            last |= following.last if copy >= low else 0
            span = following
            if not following.first:
                break
        assert span
        if high is None:
            self._link(span.last, span.first)
        return _Span(low == 0, first, last)

    def _embedded(self, dfa: Dfa) -> _Span:
        entering: list[int] = [0] * len(dfa.table)
        leaving: list[tuple[int, int]] = []
        last = 0
        for state, row in enumerate(dfa.table):
            targets: dict[int, list[Ranges]] = {}
            for place, target in enumerate(row):
                if target != DEAD:
                    targets.setdefault(target, []).append(dfa.classes[place])
            for target, sets in targets.items():
                position = self._add(charset.union(*sets))
                entering[state] |= position
                leaving.append((position, target))
                last |= position if target in dfa.accepting else 0
        for position, target in leaving:
            self._link(position, entering[target])
        return _Span(0 in dfa.accepting, entering[0], last)


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found
