"""Finds what ends a text: a marker of one of its branches, or the beginning of its named branch."""

from dataclasses import dataclass

from promptweave.output.parse.marker_finder import MarkerFinder
from promptweave.output.parse.opening_finder import OpeningFinder
from promptweave.output.tree import Node, TextNode


@dataclass(frozen=True, slots=True)
class Found:
    """The text certainly goes on to `start`. From there to `end` is syntax that leads to `then`; None: not found yet."""

    start: int
    end: int
    then: Node | None
    closing: str | None = None
    """What closes the named branch; None if it is not that one."""


class TextFinder:
    """Searches one text. `closing`: the text that may still close a named branch before it."""

    def __init__(self, node: TextNode) -> None:
        self._then = {marker: branch.then for branch in node.branches for marker in branch.markers}
        self._markers = MarkerFinder(self._then)
        self._openings = OpeningFinder(node.named) if node.named else None
        self._cases = dict(node.named.cases) if node.named else {}
        self.closing = ""

    def restart(self) -> None:
        """Begin anew after a case of the named branch."""
        if self._openings:
            self._openings.restart()

    def taken(self, length: int) -> None:
        """Signal that text was taken."""
        if self._openings:
            self._openings.taken(length)
        self.closing = ""

    def find(self, text: str, place: int, *, last: bool) -> Found:
        """Read the text from `place` on, the first character that was not taken."""
        read = self._openings.searched if self._openings else 0
        end, marker = self._markers.find(text, max(place, place + read - self._markers.longest), last=last)
        if self._openings:
            limit = len(text) if marker is None else end + len(marker)
            begun = self._openings.find(text, place, limit)
            if begun is not None:
                found = self._openings.beginning(text, begun, place)
                within = self.closing if found.start == place else ""
                return Found(found.start, found.end, self._cases[found.name], found.closing or within)
            held = self._openings.held()
            if marker is None and not last and held is not None:
                end = min(end, place + held)
        return Found(end, end + len(marker or ""), self._then[marker] if marker is not None else None)
