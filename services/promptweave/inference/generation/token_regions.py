"""Tells for each token what its text is part of: what is read of a message comes in other pieces than it was written in."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from promptweave.inference.client.llama_client import Scores
from promptweave.inference.generation.events import Position
from promptweave.output.parse.parser import RegionSpan
from promptweave.output.tree import Region


@dataclass(slots=True)
class _Written:
    start: int
    end: int
    count: int
    scores: Scores | None
    region: Region | None = None


class TokenRegions:
    """Follows the tokens (`write`) and what the parser read of their text (`read`). Places are characters of the output."""

    def __init__(self, prefix: str) -> None:
        """`prefix`: what the parser reads first, and no token wrote."""
        self._written: deque[_Written] = deque()
        self._end = 0
        self._read = -len(prefix)
        self.reasoning = 0
        """How many tokens hold text of the reasoning."""

    def write(self, text: str, count: int, scores: Scores | None) -> None:
        """The next text, which `count` tokens make."""
        self._written.append(_Written(self._end, self._end + len(text), count, scores))
        self._end += len(text)

    def read(self, spans: Iterable[RegionSpan], held: int, *, withheld: bool) -> list[Position]:
        """The tokens that are known now, but for those of the last `held` characters; `withheld`: none yet."""
        for length, region in spans:
            start, self._read = self._read, self._read + length
            for written in self._written:
                if written.start >= self._read:
                    break
                # The first part that it has some text of; syntax is no part.
                if written.end > start and written.region is None:
                    written.region = region
        return [] if withheld else list(self._settle(self._read - held))

    def finish(self, cut: int) -> list[Position]:
        """The other tokens, but for those that wrote nothing but the last `cut` characters that were read."""
        known = list(self._settle(self._read - cut))
        if cut:
            known += self._told(written for written in self._written if written.start < self._read - cut)
        else:
            known += self._told(self._written)
        self._written.clear()
        return known

    def _settle(self, end: int) -> Iterator[Position]:
        while self._written and self._written[0].end <= end:
            yield from self._told([self._written.popleft()])

    def _told(self, all_written: Iterable[_Written]) -> Iterator[Position]:
        for written in all_written:
            if written.region is Region.REASONING:
                self.reasoning += written.count
            if written.scores is not None:
                yield written.scores, written.region
