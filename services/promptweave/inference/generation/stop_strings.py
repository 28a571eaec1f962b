"""Finds stop strings in the free text of a message as it streams."""

from collections.abc import Iterable

from promptweave.output.deltas import ContentDelta, Delta


class StopFilter:
    """Passes deltas on up to the first stop string; holds back only text that may be the beginning of one.

    Stop strings apply to stoppable content only, and never match across anything else. The one whose last character comes
    first wins, and of those the longest, so the result is the same however the text is split.
    """

    def __init__(self, template: Iterable[str], caller: Iterable[str]) -> None:
        """Set the stop strings. `template`: those that end a turn anyway; `caller`: those to report. None may be empty."""
        self._caller = frozenset(caller)
        self._stops = tuple({*template, *self._caller})
        self._beginnings = frozenset(stop[:length] for stop in self._stops for length in range(1, len(stop)))
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.stopped = False
        """A stop string was found; deltas that follow are dropped."""
        self.cut = 0
        """Number of characters that were removed: the stop string and what followed it."""
        self.matched: str | None = None
        """The stop string that was found, if it is the caller's."""

    def __bool__(self) -> bool:
        """Return whether there are stop strings."""
        return bool(self._stops)

    @property
    def held(self) -> int:
        """Return the number of characters held back, which may be the beginning of a stop string."""
        return len(self._held)

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """Return the deltas that certainly precede any stop string."""
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
        """Return what was held back: nothing more arrives that could complete a stop string."""
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
