"""Finds the first of several markers in text that arrives in pieces, holding back only a possible beginning of a marker."""

import re
from collections.abc import Iterable


class MarkerFinder:
    """Searches for a fixed set of markers."""

    def __init__(self, markers: Iterable[str]) -> None:
        found = sorted(set(markers), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, found))) if found else None
        self._beginnings = {marker[:length] for marker in found for length in range(1, len(marker))}
        self.longest = max((len(marker) for marker in found), default=0)

    def find(self, text: str, place: int = 0, *, last: bool = False) -> tuple[int, str | None]:
        """Return the end of the text from `place` on that certainly contains no marker, and the marker found there.

        The marker is None if none is complete yet. `last`: no more text follows, so nothing is held back.
        """
        if self._pattern and (found := self._pattern.search(text, place)):
            return found.start(), found.group()
        if last:
            return len(text), None
        for start in range(max(len(text) - self.longest + 1, place), len(text)):
            if text[start:] in self._beginnings:
                return start, None
        return len(text), None
