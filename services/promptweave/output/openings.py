"""The automaton that finds the beginning of a named branch, for both the grammar and the parser of a text."""

from collections.abc import Iterable

from promptweave.output.tree import NamedBranch

WHITE = " \t\n\r"
"""What a space stands for in the texts of a named branch: JSON's white space."""

States = frozenset[int]

FOUND, LINE = 0, 1
"""The state after the last character of a beginning, and the one in which a beginning may start."""


class Openings:
    """A non-deterministic automaton: `step` returns the states that a character leads to.

    `LINE` is entered at the beginning of a line, and stays during white space.
    """

    def __init__(self, named: NamedBranch, *, wrapped: bool = True) -> None:
        """Build it; without those wrappers that contain a line break, if not `wrapped`: what follows it begins by itself."""
        self._steps: list[dict[str, set[int]]] = [{}, {}]
        self._free: list[set[int]] = [set(), set()]
        """The states reached without a character."""
        self._white: dict[int, int] = {}
        self._anywhere = named.anywhere
        self._loop(LINE)
        root, opened, named_from = self._state(), self._state(), self._state()
        self._free[LINE].add(root)
        for wrapper in named.wrappers:
            if wrapped or not wrapper.text or not (self._anywhere or "\n" in wrapper.text):
                self._path(root, wrapper.text, opened)
        for opening in named.openings:
            self._path(opened, opening, named_from)
        named_to = self._names(named_from, [name for name, _ in named.cases])
        for middle in named.middles:
            self._path(named_to, middle, FOUND)
        self._roots = self._closed([root])
        self.alphabet = "".join(sorted({char for steps in self._steps for char in steps}))

    def at_line(self) -> States:
        """Return the states at the beginning of a line."""
        return self._closed([LINE])

    def step(self, states: States, char: str) -> States:
        """Return the states after a character."""
        return frozenset().union(*(self.follow(state, char) for state in states), self.begin(char))

    def follow(self, state: int, char: str) -> States:
        """Return the states that one state leads to."""
        found = self._steps[state].get(char)
        return self._closed(found) if found else frozenset()

    def chars(self, states: States) -> set[str]:
        """Return the characters that lead from one of the states to another."""
        roots = self._roots if self._anywhere else ()
        return {char for state in (*states, *roots) for char in self._steps[state]}

    def begin(self, char: str) -> States:
        """Return the states in which a character begins something, whatever was before it."""
        states = self.at_line() if char == "\n" else frozenset[int]()
        return states.union(*(self.follow(root, char) for root in self._roots)) if self._anywhere else states

    def _names(self, start: int, names: Iterable[str]) -> int:
        """Add the names, sharing their beginnings and their ends; return the state after a name."""
        end = self._state()
        known: dict[tuple[bool, tuple[tuple[str, int], ...]], int] = {(True, ()): end}

        def state_of(tails: list[str]) -> int:
            groups: dict[str, list[str]] = {}
            for tail in tails:
                if tail:
                    groups.setdefault(tail[0], []).append(tail[1:])
            ends = "" in tails
            steps = tuple((char, state_of(group)) for char, group in sorted(groups.items()))
            if (ends, steps) not in known:
                known[ends, steps] = state = self._state()
                self._steps[state].update({char: {to} for char, to in steps})
                if ends:
                    self._free[state].add(end)
            return known[ends, steps]

        self._free[start].add(state_of(list(names)))
        return end

    def _state(self) -> int:
        self._steps.append({})
        self._free.append(set())
        return len(self._steps) - 1

    def _loop(self, state: int) -> None:
        for char in WHITE:
            self._steps[state].setdefault(char, set()).add(state)

    def _white_after(self, state: int) -> int:
        if state not in self._white:
            self._white[state] = loop = self._state()
            self._loop(loop)
            self._free[state].add(loop)
        return self._white[state]

    def _path(self, start: int, text: str, end: int) -> None:
        """Add a text that leads from one state to another."""
        for place, char in enumerate(text):
            last = place == len(text) - 1
            known = self._steps[start].get(char, set()) - {end}
            if char == " ":
                start = self._white_after(start)
            elif last:
                self._steps[start].setdefault(char, set()).add(end)
                return
            elif known:
                start = min(known)
            else:
                after = self._state()
                self._steps[start].setdefault(char, set()).add(after)
                start = after
        self._free[start].add(end)

    def _closed(self, states: Iterable[int]) -> States:
        found, waiting = set(states), list(states)
        while waiting:
            for state in self._free[waiting.pop()] - found:
                found.add(state)
                waiting.append(state)
        return frozenset(found)
