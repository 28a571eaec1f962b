"""Finds stop strings in the free text of a message, as it comes."""

from collections.abc import Iterable

from promptweave.output.deltas import ContentDelta, Delta


class StopFilter:
    """Passes deltas on up to the first stop string; holds back only text that may be the beginning of one.

    Stop strings apply to stoppable content only, and never across anything else. The one whose last character comes first
    wins, of those the longest: so the result is the same however the text is split.
    """

    def __init__(self, template: Iterable[str], caller: Iterable[str]) -> None:
        """`template`: those that end a turn anyway; `caller`: those that somebody asked for, and hears of. None is empty."""
        self._caller = frozenset(caller)
        self._stops = tuple({*template, *self._caller})
        self._beginnings = frozenset(stop[:length] for stop in self._stops for length in range(1, len(stop)))
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.stopped = False
        """A stop string came; deltas that follow are dropped."""
        self.cut = 0
        """How many characters the stop string took out, and what came behind it."""
        self.matched: str | None = None
        """The stop string that came, if it is the caller's."""

    def __bool__(self) -> bool:
        """Whether there are stop strings."""
        return bool(self._stops)

    @property
    def held(self) -> int:
        """How many characters are held back: they may be the beginning of a stop string."""
        return len(self._held)

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """What certainly stands before any stop string."""
        passed: list[Delta] = []
        for delta in deltas:
            if self.stopped:
                break
            if isinstance(delta, ContentDelta) and delta.stoppable:
                passed += self._text(self._feed_text(delta.text))
            else:
                passed += [*self.finish(), delta]
        return passed

    def finish(self) -> list[Delta]:
        """What was held back: nothing more comes that it could be the beginning of."""
        held, self._held = self._held, ""
        return self._text(held)

    @staticmethod
    def _text(text: str) -> list[Delta]:
        return [ContentDelta(text)] if text else []

    def _feed_text(self, text: str) -> str:
        buffer = self._held + text
        found = [(place + len(stop), place, stop) for stop in self._stops if (place := buffer.find(stop)) >= 0]
        if found:
            _, place, stop = min(found)
            self.stopped, self._held, self.cut = True, "", len(buffer) - place
            self.matched = stop if stop in self._caller else None
            return buffer[:place]
        for place in range(max(len(buffer) - self._longest + 1, 0), len(buffer)):
            if buffer[place:] in self._beginnings:
                self._held = buffer[place:]
                return buffer[:place]
        self._held = ""
        return buffer
