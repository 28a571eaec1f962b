"""Deterministic automata over characters: minimal and canonically numbered, so equal languages are equal values.

Every operation whose result may grow has a limit on its size, and raises `TooManyStatesError` if it is exceeded.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.regex import charset
from promptweave.compiler.regex.charset import UNIVERSE, Ranges

MAX_DFA_STATES = 12_000
"""Maximum number of states of one automaton, before minimization."""

DEAD = -1

State = Any
"""A state of a machine defined by its step function: any hashable value."""


class TooManyStatesError(Exception):
    """An automaton would need more states than are allowed."""

    def __init__(self, limit: int = MAX_DFA_STATES) -> None:
        super().__init__(f"more than {limit} states are required")


@dataclass(frozen=True)
class Dfa:
    """An automaton. State 0 is the start; `table[state][class]` is the next state or DEAD; other characters lead to DEAD."""

    classes: tuple[Ranges, ...]
    table: tuple[tuple[int, ...], ...]
    accepting: frozenset[int]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.table, self.accepting, self.classes))

    def accepts(self, text: str) -> bool:
        """Return whether the complete text is in the language."""
        state = 0
        for char in text:
            code = ord(char)
            place = next((n for n, ranges in enumerate(self.classes) if charset.holds(ranges, code)), None)
            state = DEAD if place is None else self.table[state][place]
            if state == DEAD:
                return False
        return state in self.accepting

    @cached_property
    def is_empty(self) -> bool:
        """Return whether the language is empty."""
        return not self.accepting

    @cached_property
    def is_all(self) -> bool:
        """Return whether the language contains every text."""
        return len(self.table) == 1 and 0 in self.accepting and self.classes == (UNIVERSE,) and self.table[0] == (0,)

    @cached_property
    def shortest(self) -> int:
        """Return the length of the shortest text. The language must not be empty."""
        seen, layer, length = {0}, {0}, 0
        while not layer & self.accepting:
            layer = {target for state in layer for target in self.table[state] if target != DEAD} - seen
            seen |= layer
            length += 1
        return length

    @cached_property
    def longest(self) -> int | None:
        """Return the length of the longest text, or None if it is unbounded. The language must not be empty."""
        order, mark = [], [0] * len(self.table)
        stack = [(0, iter(self.table[0]))]
        mark[0] = 1
        while stack:
            state, targets = stack[-1]
            target = next((target for target in targets if target != DEAD), None)
            if target is None:
                mark[state] = 2
                order.append(state)
                stack.pop()
            elif mark[target] == 1:
                return None
            elif mark[target] == 0:
                mark[target] = 1
                stack.append((target, iter(self.table[target])))
        length = [0] * len(self.table)
        for state in order:
            length[state] = max((1 + length[target] for target in self.table[state] if target != DEAD), default=0)
        return length[0]


def build(
    start: State,
    step: Callable[[State, int], State | None],
    accepts: Callable[[State], bool],
    classes: Sequence[Ranges],
    *,
    limit: int = MAX_DFA_STATES,
) -> Dfa:
    """Build the minimal automaton of a machine defined by `step(state, class number)`; None: no transition."""
    number: dict[State, int] = {start: 0}
    states, width = [start], range(len(classes))
    table: list[list[int]] = []
    for state in states:
        if len(table) % 256 == 0:
            check_deadline()
        row = []
        for place in width:
            target = step(state, place)
            if target is None:
                row.append(DEAD)
                continue
            found = number.setdefault(target, len(states))
            if found == len(states):
                if found >= limit:
                    raise TooManyStatesError(limit)
                states.append(target)
            row.append(found)
        table.append(row)
    return minimal(classes, table, {place for place, state in enumerate(states) if accepts(state)})


def minimal(classes: Sequence[Ranges], table: Sequence[Sequence[int]], accepting: Iterable[int]) -> Dfa:
    """Return the smallest automaton of the same language (Hopcroft 1971), states numbered in discovery order.

    Every state of `table` must be reachable.
    """
    final = set(accepting)
    live = _live(table, final)
    if 0 not in live:
        return EMPTY
    block_of = _blocks(table, final, live, len(classes))
    number, order = {block_of[0]: 0}, [0]
    rows: list[list[int]] = []
    for state in order:
        row = []
        for target in table[state]:
            if target not in live:
                row.append(DEAD)
                continue
            block = block_of[target]
            if block not in number:
                number[block] = len(order)
                order.append(target)
            row.append(number[block])
        rows.append(row)
    # Merge the classes that no state distinguishes. They are ordered by their characters, so the order is canonical, too.
    columns: dict[tuple[int, ...], list[Ranges]] = {}
    for place, ranges in enumerate(classes):
        column = tuple(row[place] for row in rows)
        if any(target != DEAD for target in column):
            columns.setdefault(column, []).append(ranges)
    merged = sorted((charset.union(*sets), column) for column, sets in columns.items())
    return _renumbered(
        [ranges for ranges, _ in merged],
        [[column[state] for _, column in merged] for state in range(len(rows))],
        {place for place, state in enumerate(order) if state in final},
    )


def _renumbered(classes: Sequence[Ranges], table: Sequence[Sequence[int]], final: set[int]) -> Dfa:
    number, order = {0: 0}, [0]
    for state in order:
        for target in table[state]:
            if target != DEAD and target not in number:
                number[target] = len(order)
                order.append(target)
    rows = tuple(tuple(DEAD if target == DEAD else number[target] for target in table[state]) for state in order)
    return Dfa(tuple(classes), rows, frozenset(number[state] for state in final))


def _live(table: Sequence[Sequence[int]], final: set[int]) -> set[int]:
    """Return the states from which a final state is reachable."""
    sources: dict[int, set[int]] = {}
    for state, row in enumerate(table):
        for target in set(row):
            if target != DEAD:
                sources.setdefault(target, set()).add(state)
    live, waiting = set(final), list(final)
    while waiting:
        for source in sources.get(waiting.pop(), ()):
            if source not in live:
                live.add(source)
                waiting.append(source)
    return live


def _blocks(table: Sequence[Sequence[int]], final: set[int], live: set[int], width: int) -> dict[int, int]:
    """Return the equivalence classes: a block number for each live state. Here, DEAD is a state like the others."""
    back: list[dict[int, list[int]]] = [{} for _ in range(width)]
    for state in live:
        for place, target in enumerate(table[state]):
            back[place].setdefault(target if target in live else DEAD, []).append(state)
    blocks = [members for members in (final & live, live - final) if members]
    blocks.append({DEAD})
    block_of = {state: place for place, members in enumerate(blocks) for state in members}
    waiting = set(range(len(blocks)))
    while waiting:
        splitter = tuple(blocks[waiting.pop()])
        for sources in back:
            touched: dict[int, list[int]] = {}
            for target in splitter:
                for source in sources.get(target, ()):
                    touched.setdefault(block_of[source], []).append(source)
            for block, hit in touched.items():
                members = blocks[block]
                if len(hit) == len(members):
                    continue
                moved = set(hit)
                rest = members - moved
                small, large = (moved, rest) if len(moved) < len(rest) else (rest, moved)
                blocks[block] = large
                for state in small:
                    block_of[state] = len(blocks)
                waiting.add(len(blocks))
                blocks.append(small)
    return block_of


EMPTY = Dfa((), ((),), frozenset())
ALL = Dfa((UNIVERSE,), ((0,),), frozenset({0}))
EPSILON = Dfa((), ((),), frozenset({0}))


def intersection(left: Dfa, right: Dfa) -> Dfa:
    """Return the intersection of both languages."""
    if left.is_all or right.is_empty or left == right:
        return right
    if right.is_all or left.is_empty:
        return left
    return _product(left, right, lambda a, b: a and b)


def union(left: Dfa, right: Dfa) -> Dfa:
    """Return the union of both languages."""
    if left.is_all or right.is_empty or left == right:
        return left
    if right.is_all or left.is_empty:
        return right
    return _product(left, right, lambda a, b: a or b)


def intersection_of(languages: Iterable[Dfa]) -> Dfa:
    """Return the intersection of all the languages."""
    return _merged(languages, intersection, ALL)


def union_of(languages: Iterable[Dfa]) -> Dfa:
    """Return the union of all the languages."""
    return _merged(languages, union, EMPTY)


def _merged(languages: Iterable[Dfa], merge: Callable[[Dfa, Dfa], Dfa], neutral: Dfa) -> Dfa:
    """Merge the two smallest languages repeatedly: many small ones then merge quickly, with small intermediate results."""
    waiting = [(len(dfa.table), place, dfa) for place, dfa in enumerate(languages)]
    heapify(waiting)
    for place in count(len(waiting)):
        if len(waiting) < 2:
            break
        dfa = merge(heappop(waiting)[2], heappop(waiting)[2])
        heappush(waiting, (len(dfa.table), place, dfa))
    return waiting[0][2] if waiting else neutral


def difference(left: Dfa, right: Dfa) -> Dfa:
    """Return the texts that are in the first language only."""
    if right.is_empty or left.is_empty:
        return left
    if right.is_all:
        return EMPTY
    return _product(left, right, lambda a, b: a and not b)


def complement(dfa: Dfa) -> Dfa:
    """Return the complement of the language."""
    return difference(ALL, dfa)


def _product(left: Dfa, right: Dfa, accepts: Callable[[bool, bool], bool]) -> Dfa:
    classes, pairs = [], []
    width = len(left.classes)
    for ranges, member in charset.partition([*left.classes, *right.classes]):
        low, high = member & ((1 << width) - 1), member >> width
        classes.append(ranges)
        pairs.append((low.bit_length() - 1 if low else -1, high.bit_length() - 1 if high else -1))
    needs_left, needs_right = not accepts(False, True), not accepts(True, False)

    def step(state: State, place: int) -> State | None:
        one, other = state
        i, j = pairs[place]
        one = left.table[one][i] if one >= 0 and i >= 0 else DEAD
        other = right.table[other][j] if other >= 0 and j >= 0 else DEAD
        if (one < 0 and (needs_left or other < 0)) or (other < 0 and needs_right):
            return None
        return one, other

    def ends(state: State) -> bool:
        one, other = state
        return accepts(one in left.accepting, other in right.accepting)

    return build((0, 0), step, ends, classes)


def limited(dfa: Dfa, low: int, high: int | None) -> Dfa:
    """Return the texts of `dfa` with `low` to `high` (None: unbounded) characters."""
    if dfa.is_empty or (high is not None and high < low):
        return EMPTY
    low = 0 if low <= dfa.shortest else low
    high = None if high is not None and (dfa.longest is not None and dfa.longest <= high) else high
    if low == 0 and high is None:
        return dfa
    top = low if high is None else high + 1
    if top * len(dfa.table) > 40 * MAX_DFA_STATES:
        raise TooManyStatesError

    def step(state: State, place: int) -> State | None:
        inner, count = state
        target = dfa.table[inner][place]
        if target == DEAD or (high is not None and count == high):
            return None
        return target, min(count + 1, top)

    def ends(state: State) -> bool:
        inner, count = state
        return inner in dfa.accepting and count >= low

    return build((0, 0), step, ends, dfa.classes)


def of_texts(texts: Iterable[str]) -> Dfa:
    """Return the language of exactly these texts."""
    table: list[dict[str, int]] = [{}]
    final = set()
    for text in texts:
        state = 0
        for char in text:
            if char not in table[state]:
                table[state][char] = len(table)
                table.append({})
                if len(table) > 4 * MAX_DFA_STATES:
                    raise TooManyStatesError(4 * MAX_DFA_STATES)
            state = table[state][char]
        final.add(state)
    alphabet = sorted({char for row in table for char in row})
    rows = [[row.get(char, DEAD) for char in alphabet] for row in table]
    return minimal([charset.of(char) for char in alphabet], rows, final)
