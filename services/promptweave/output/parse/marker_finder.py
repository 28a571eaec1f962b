"""Finds the first of some markers in a text that comes in pieces, holding back only what may be the beginning of one."""

import re
from collections.abc import Iterable


class MarkerFinder:
    """Looks for a fixed set of markers."""

    def __init__(self, markers: Iterable[str]) -> None:
        found = sorted(set(markers), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, found))) if found else None
        self._beginnings = {marker[:length] for marker in found for length in range(1, len(marker))}
        self._longest = max((len(marker) for marker in found), default=0)

    def find(self, text: str, place: int = 0, *, last: bool = False) -> tuple[int, str | None]:
        """Where the part of `text` from `place` on ends that certainly holds no marker; and the marker there, if whole.

        `last`: no more text comes, so nothing is held back.
        """
        if self._pattern and (found := self._pattern.search(text, place)):
            return found.start(), found.group()
        if last:
            return len(text), None
        for start in range(max(len(text) - self._longest + 1, place), len(text)):
            if text[start:] in self._beginnings:
                return start, None
        return len(text), None
