"""The grammar of free text: the automaton that finds what ends it first, with a right-linear rule for each of its states."""

from collections.abc import Mapping
from typing import NamedTuple

from promptweave.output.grammar.expr import ANY_CHAR, EMPTY, Expr, Lit, Ref, Rep, Rules, alt, chars, none_of, seq
from promptweave.output.openings import FOUND, LINE, WHITE, Openings, States
from promptweave.output.tree import NamedBranch


def text_expr(then: Mapping[str, Expr], may_end: bool, rules: Rules) -> Expr:
    """Return the text up to the first marker, and what it leads to.

    The automaton (Aho and Corasick, 1975) is deterministic, so the engine holds one stack, and it is the exact complement of
    "contains a marker".
    """
    if not then:
        return Rep(ANY_CHAR)
    markers = Markers(then)
    refs = {state: rules.reserve("text") for state in markers.states}
    for state in markers.states:
        targets: dict[Expr, list[str]] = {}
        for char, after in sorted(markers.steps[state].items()):
            targets.setdefault(then[after] if after in then else refs[after], []).append(char)
        known = "".join(char for group in targets.values() for char in group)
        steps = [seq(_one_of(group), target) for target, group in targets.items()]
        steps.append(seq(none_of(known), refs[""]))
        rules.define(refs[state], alt(*steps, *([EMPTY] if may_end else [])))
    return refs[""]


def _one_of(group: list[str]) -> Expr:
    return Lit(group[0]) if len(group) == 1 else chars("".join(group))


class Markers:
    """The automaton of the markers: its states are the beginnings of markers."""

    def __init__(self, markers: Mapping[str, Expr]) -> None:
        # Sorted, so that the same request has the same grammar in every process.
        beginnings = {marker[:length] for marker in markers for length in range(len(marker))} | {""}
        self.states = sorted(beginnings, key=lambda it: (len(it), it))
        self.alphabet = sorted({char for marker in markers for char in marker})
        self.steps: dict[str, dict[str, str]] = {}
        """The transitions of each state that do not lead back to the start."""
        for state in self.states:
            # A state inherits the transitions of its longest proper suffix that is a state: shorter, so already computed.
            shorter = next((state[place:] for place in range(1, len(state)) if state[place:] in self.steps), "")
            known = dict(self.steps[shorter]) if state else {}
            known |= {char: state + char for char in self.alphabet if state + char in beginnings or state + char in markers}
            self.steps[state] = known


def text_with_names(
    then: Mapping[str, Expr], may_end: bool, named: NamedBranch, cases: Mapping[str, Expr], ending: Expr, rules: Rules
) -> Expr:
    """Return the text up to the first marker or the beginning of the named branch, and what they lead to.

    Text and named branch are two alternatives from the beginning of each line: the text ends nowhere inside a beginning that
    is complete, so that only one of them is left then.
    """
    return _NamedText(then, may_end, named, rules).expr(cases, ending)


class _Place(NamedTuple):
    """A state of the text: of its markers and of its openings, and what may still be skipped after a case."""

    marker: str
    openings: States
    closing: str | None = None
    """After a case, as long as only white space and skipped texts follow: what may still close it. None elsewhere."""
    skipped: str = ""
    """The part of a skipped text that was read."""


_ELSEWHERE = _Place("", frozenset())


class _NamedText:
    """The rules of one text: alternatives of each place are its own steps, those of any place, and a beginning."""

    def __init__(self, then: Mapping[str, Expr], may_end: bool, named: NamedBranch, rules: Rules) -> None:
        self._then, self._named, self._rules = then, named, rules
        self._end = [EMPTY] if may_end else []
        self._markers = Markers(then)
        self._openings = Openings(named, wrapped=False)
        self._refs: dict[_Place, Ref] = {}
        self._waiting: list[_Place] = []
        self._others: dict[str, Ref] = {}
        self._known: dict[str, Expr | None] = {}
        closings = sorted({wrapper.closing for wrapper in named.wrappers} | {""})
        self._begun = {closing: rules.reserve("begun") for closing in closings}

    def expr(self, cases: Mapping[str, Expr], ending: Expr) -> Expr:
        named, rules = self._named, self._rules
        middle = rules.add("middle", alt(*map(_loose, named.middles)))
        opening = rules.add("opening", alt(*map(_loose, named.openings)))
        case = rules.add("case", alt(*(seq(Lit(name), middle, body) for name, body in cases.items())))
        call = seq(opening, case, ending)
        for closing, ref in self._begun.items():
            wrapped = [
                seq(_loose(wrapper.text), call, self._after(wrapper.closing or closing))
                for wrapper in named.wrappers
                if not (closing and wrapper.text.startswith(closing))
            ]
            rules.define(ref, alt(*wrapped))
        start = self._ref(_Place("", self._openings.at_line()))
        while self._waiting:
            place = self._waiting.pop()
            rules.define(self._refs[place], self._rule(place))
        return start

    def _after(self, closing: str) -> Ref:
        """Return the rule of what follows a case."""
        place = _Place("", self._openings.at_line(), closing)
        if self._named.resumes or place in self._refs:
            return self._ref(place)
        self._refs[place] = ref = self._rules.reserve("ignored")
        texts = [seq(Lit(text), self._after("" if text == closing else closing)) for text in self._ignored(closing)]
        return self._rules.define(ref, seq(Rep(chars(WHITE)), alt(*texts, EMPTY)))

    def _ignored(self, closing: str) -> tuple[str, ...]:
        return (*self._named.skipped, closing) if closing else self._named.skipped

    def _ref(self, place: _Place) -> Ref:
        if place not in self._refs:
            self._refs[place] = self._rules.reserve("text")
            self._waiting.append(place)
        return self._refs[place]

    def _rule(self, place: _Place) -> Expr:
        """Return the rule of a place: its own steps, then those that are the same everywhere."""
        own: dict[Expr | None, list[str]] = {}
        for char in sorted(self._chars(place)):
            target = self._target(place, char)
            if place == _ELSEWHERE or target != self._elsewhere(char):
                own.setdefault(target, []).append(char)
        known = "".join(sorted(char for group in own.values() for char in group))
        steps = [seq(_one_of(group), target) for target, group in own.items() if target is not None]
        begun = [self._begun[place.closing or ""]] if LINE in place.openings or self._named.anywhere else []
        return alt(*steps, *begun, self._other(known))

    def _other(self, known: str) -> Ref:
        """Return the rule of all characters but `known` ones, which lead to the same places everywhere, and of the end."""
        if known not in self._others:
            self._others[known] = ref = self._rules.reserve("other")
            targets: dict[Expr, list[str]] = {}
            for char in sorted(self._chars(_ELSEWHERE)):
                target = self._elsewhere(char)
                if target is not None and char not in known:
                    targets.setdefault(target, []).append(char)
            steps = [seq(_one_of(group), target) for target, group in targets.items()]
            rest = none_of(known + "".join(char for group in targets.values() for char in group))
            self._rules.define(ref, alt(*steps, seq(rest, self._ref(_ELSEWHERE)), *self._end))
        return self._others[known]

    def _elsewhere(self, char: str) -> Expr | None:
        """Return what follows a character in the middle of a line."""
        if char not in self._known:
            self._known[char] = self._target(_ELSEWHERE, char)
        return self._known[char]

    def _chars(self, place: _Place) -> set[str]:
        """Return the characters that do not lead elsewhere."""
        found = {"\n", *self._markers.steps[place.marker], *self._openings.chars(place.openings)}
        if place.closing is not None:
            found |= {text[len(place.skipped)] for text in self._ignored(place.closing) if text.startswith(place.skipped)}
        return found if place == _ELSEWHERE else found | self._chars(_ELSEWHERE)

    def _target(self, place: _Place, char: str) -> Expr | None:
        """Return what follows a character; None if a beginning is complete: it is no longer text."""
        marker = self._markers.steps[place.marker].get(char, "")
        if marker in self._then:
            return self._then[marker]
        openings = self._openings.step(place.openings, char)
        if FOUND in openings:
            return None
        if place.closing is None:
            return self._ref(_Place(marker, openings))
        skipped = place.skipped + char
        if skipped in self._ignored(place.closing):
            closing = "" if skipped == place.closing else place.closing
            return self._ref(_Place("", self._openings.at_line(), closing))
        if any(text.startswith(skipped) for text in self._ignored(place.closing)):
            return self._ref(_Place(marker, openings, place.closing, skipped))
        return self._ref(_Place(marker, openings, place.closing if skipped in WHITE else None))


def _loose(text: str) -> Expr:
    parts = text.split(" ")
    white = Rep(chars(WHITE))
    return seq(*[item for part in parts for item in (white, Lit(part))][1:])
