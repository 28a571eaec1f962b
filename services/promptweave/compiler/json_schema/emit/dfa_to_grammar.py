"""Converts regular languages to grammars of JSON strings: right-linear rules, one for each state that needs a name.

JSON escaping is applied last: an automaton works on characters, and each character has one spelling.
"""

from promptweave.compiler.json_schema.emit.json_grammar import char_expr, counted
from promptweave.compiler.regex import charset
from promptweave.compiler.regex.charset import Ranges
from promptweave.compiler.regex.dfa import DEAD, Dfa
from promptweave.output.grammar.expr import EMPTY, Chars, Expr, Lit, Ref, Rep, Rules, alt, seq

_MIN_RUN = 4
"""Minimum length of a run of states that differ only in a count to become a counted repetition."""

Edges = tuple[tuple[Ranges, int], ...]


def json_string(dfa: Dfa, rules: Rules, hint: str) -> Expr:
    """Return the JSON strings whose decoded text is in the language."""
    return seq(Lit('"'), automaton_expr(dfa, rules, hint, end=Lit('"')))


def automaton_expr(
    dfa: Dfa, rules: Rules, hint: str, *, end: Expr, loop_limits: tuple[int, int] | None = None, raw: bool = False
) -> Expr:
    """Return the texts of the language, each followed by `end`.

    `raw`: characters are emitted verbatim, not escaped as in a JSON string.
    `loop_limits`: for the digits of numbers, the maximum iterations of a loop before and after the decimal point.
    """
    raw = raw or loop_limits is not None
    key = ("automaton", dfa, end, loop_limits, raw)
    if key not in rules.remembered:
        whole = _Printer(dfa, rules, hint, end, loop_limits, raw).whole()
        rules.remembered[key] = rules.define(rules.reserve(hint), whole)
    return rules.remembered[key]


class _Printer:
    def __init__(self, dfa: Dfa, rules: Rules, hint: str, end: Expr, loop_limits: tuple[int, int] | None, raw: bool) -> None:
        self._rules = rules
        self._hint = hint
        self._end = end
        self._limits = loop_limits
        self._raw = raw
        self._accepting = dfa.accepting
        self._edges: list[Edges] = []
        self._entries = [0] * len(dfa.table)
        for row in dfa.table:
            targets: dict[int, list[Ranges]] = {}
            for place, target in enumerate(row):
                if target != DEAD:
                    targets.setdefault(target, []).append(dfa.classes[place])
            self._edges.append(tuple((charset.union(*sets), target) for target, sets in targets.items()))
            for target in targets:
                self._entries[target] += 1
        self._names: dict[int, Ref] = {}
        self._waiting: list[int] = []

    def whole(self) -> Expr:
        start = self._body(0) if not self._entries[0] else self._go(0)
        while self._waiting:
            state = self._waiting.pop()
            self._rules.define(self._names[state], self._body(state))
        return start

    def _go(self, state: int) -> Expr:
        """Return the expression that continues from a state."""
        if not self._edges[state]:
            return self._end
        if state not in self._names:
            self._names[state] = self._rules.reserve(self._hint)
            self._waiting.append(state)
        return self._names[state]

    def _body(self, state: int) -> Expr:
        items: list[Expr] = []
        met = {state}
        while True:
            run, last = self._run(state)
            if run >= _MIN_RUN:
                ranges, rest = self._edges[state][0][0], self._edges[last]
                others = self._others(state)
                if state not in self._accepting and not others:
                    items.append(self._count(ranges, run, run))
                elif rest == others and (state in self._accepting) == (last in self._accepting):
                    return seq(*items, self._count(ranges, 0, run), self._choice(state, others))
                else:
                    fewer = seq(self._count(ranges, 0, run - 1), self._choice(state, others))
                    return seq(*items, alt(fewer, seq(self._count(ranges, run, run), self._go(last))))
                following = last
            elif state not in self._accepting and len(self._edges[state]) == 1 and self._edges[state][0][1] != state:
                ranges, following = self._edges[state][0]
                items.append(self._step(ranges))
            else:
                break
            # States that only this path reaches are inlined; all others get a name.
            if self._entries[following] > 1 or following in met or not self._edges[following]:
                return seq(*items, self._go(following))
            state = following
            met.add(state)
        return seq(*items, self._choice(state, self._edges[state]))

    def _choice(self, state: int, edges: Edges) -> Expr:
        loop: Expr = EMPTY
        options = [self._end] if state in self._accepting else []
        for ranges, target in edges:
            if target == state:
                loop = self._loop(state, ranges)
            else:
                options.append(seq(self._step(ranges), self._go(target)))
        return seq(loop, alt(*options))

    def _loop(self, state: int, ranges: Ranges) -> Expr:
        item = self._step(ranges)
        if self._limits is None:
            return Rep(item)
        behind_point = not any(charset.holds(each, 0x2E) for each, _ in self._edges[state]) and self._has_point(state)
        return Rep(item, 0, self._limits[behind_point])

    def _has_point(self, state: int) -> bool:
        """Return whether `state` is reachable through a decimal point."""
        if not hasattr(self, "_behind"):
            found = {target for edges in self._edges for ranges, target in edges if charset.holds(ranges, 0x2E)}
            waiting = list(found)
            while waiting:
                for _, target in self._edges[waiting.pop()]:
                    if target not in found:
                        found.add(target)
                        waiting.append(target)
            self._behind = found
        return state in self._behind

    def _others(self, state: int) -> Edges:
        return self._edges[state][1:]

    def _run(self, state: int) -> tuple[int, int]:
        """Return the length of the run of states that differ only in the target of their first edge, and its successor."""
        edges, length, first = self._edges, 0, state
        while edges[state]:
            ranges, target = edges[state][0]
            if (
                target in (first, state)
                or ranges != edges[first][0][0]
                or edges[state][1:] != edges[first][1:]
                or (state in self._accepting) != (first in self._accepting)
            ):
                break
            length, state = length + 1, target
        return length, state

    def _count(self, ranges: Ranges, low: int, high: int) -> Expr:
        return counted(self._step(ranges), low, high, self._rules)

    def _step(self, ranges: Ranges) -> Expr:
        if not self._raw:
            return char_expr(ranges, self._rules)
        return Lit(chr(ranges[0][0])) if ranges[0][0] == ranges[-1][1] else Chars(ranges)
