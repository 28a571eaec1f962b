"""Finds the beginning of a named branch in text that arrives in pieces, holding back only what may still become one."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from promptweave.output.openings import FOUND, WHITE, Openings
from promptweave.output.tree import NamedBranch

_WHITE = f"[{WHITE}]*"


@dataclass(frozen=True, slots=True)
class Beginning:
    """A beginning that was found: where it starts and ends, its name, and the text that may close it."""

    start: int
    end: int
    name: str
    closing: str


class OpeningFinder:
    """Searches for the beginning of a named branch: places are counted from the first character that was not taken."""

    def __init__(self, named: NamedBranch) -> None:
        self._named = named
        self._openings = Openings(named)
        self._wait = re.compile(f"[{re.escape(self._first)}]")
        self.restart()

    def restart(self) -> None:
        """Begin anew at the beginning of a line."""
        self._read = 0
        self._starts = dict.fromkeys(self._openings.at_line(), 0)

    @property
    def searched(self) -> int:
        """Return how many characters were read, from the first that was not taken."""
        return self._read

    @property
    def _first(self) -> str:
        """Return the characters that may begin something in the middle of a line."""
        return "".join(char for char in {*self._openings.alphabet, "\n"} if self._openings.begin(char))

    def find(self, text: str, place: int, limit: int) -> int | None:
        """Read on to `limit` and return where a beginning ends; None if none does."""
        at = place + self._read
        while at < limit:
            if not self._starts:
                found = self._wait.search(text, at, limit)
                if not found:
                    at = limit
                    break
                at = found.start()
            self._step(text[at], at - place)
            at += 1
            if FOUND in self._starts:
                break
        self._read = at - place
        return at if FOUND in self._starts else None

    def _step(self, char: str, at: int) -> None:
        starts: dict[int, int] = {}
        for state, start in self._starts.items():
            for after in self._openings.follow(state, char):
                starts[after] = min(start, starts.get(after, start))
        for after in self._openings.begin(char):
            starts.setdefault(after, at)
        self._starts = starts

    def held(self) -> int | None:
        """Return where the text starts that may still become a beginning; None if there is none."""
        return min(self._starts.values(), default=None)

    def taken(self, length: int) -> None:
        """Signal that characters were taken from the text; they are no part of a beginning."""
        self._read -= length
        self._starts = {state: start - length for state, start in self._starts.items()}

    def beginning(self, text: str, end: int, place: int) -> Beginning:
        """Return the beginning that was found to end at `end`."""
        start = place + self._starts[FOUND]
        found = self._pattern.fullmatch(text, start, end)
        assert found, "the automaton and the pattern are made from the same texts"
        at = next(at for at in range(len(self._named.wrappers)) if found[f"wrapper{at}"] is not None)
        return Beginning(start, end, found["name"], self._named.wrappers[at].closing)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        named = self._named
        wrappers = "|".join(f"(?P<wrapper{at}>{_loose(wrapper.text)})" for at, wrapper in enumerate(named.wrappers))
        names = "|".join(re.escape(name) for name, _ in named.cases)
        openings, middles = "|".join(map(_loose, named.openings)), "|".join(map(_loose, named.middles))
        return re.compile(f"{_WHITE}(?:{wrappers})(?:{openings})(?P<name>{names})(?:{middles})")


def _loose(text: str) -> str:
    return _WHITE.join(map(re.escape, text.split(" ")))


def ignored(text: str, place: int, skipped: Collection[str], *, last: bool) -> int | None:
    """Return the length of the skipped text at `place`, 0 if none is there; None if that is not certain yet."""
    rest = text[place : place + max(map(len, skipped), default=0)]
    if found := max((each for each in skipped if rest.startswith(each)), key=len, default=""):
        return len(found)
    may_follow = not last and any(len(each) > len(rest) and each.startswith(rest) for each in skipped)
    return None if may_follow else 0
