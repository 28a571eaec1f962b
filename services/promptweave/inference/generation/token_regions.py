"""Finds the region of each token: the parser's spans of a message are not aligned with its tokens."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from promptweave.inference.client.llama_client import Candidate, Scores
from promptweave.inference.generation.events import Position
from promptweave.output.parse.parser import RegionSpan
from promptweave.output.tree import Region

_UNREPORTED = Scores(Candidate(-1, b"", 0.0), ())
"""Tokens without text: the engine reports nothing of them."""


@dataclass(slots=True)
class _Written:
    start: int
    end: int
    count: int
    scores: Scores | None
    region: Region | None = None


class TokenRegions:
    """Tracks the tokens (`write`) and what the parser read of their text (`read`). Positions count characters of output."""

    def __init__(self, prefix: str) -> None:
        """Start at the beginning of the output. `prefix`: what the parser reads first, which has no tokens."""
        self._written: deque[_Written] = deque()
        self._end = 0
        self._region: Region | None = None
        """The region of the last token."""
        self._read = -len(prefix)
        self.reasoning = 0
        """Number of tokens that contain reasoning text."""

    def write(self, text: str, count: int, scores: Scores | None) -> None:
        """Add the next text, which consists of `count` tokens."""
        self._written.append(_Written(self._end, self._end + len(text), count, scores))
        self._end += len(text)

    def write_incomplete(self, count: int) -> None:
        """Add tokens at the end of a truncated output, whose character is incomplete: they have no text."""
        last = self._written[-1].region if self._written else self._region
        self._written.append(_Written(self._end, self._end, count, _UNREPORTED, last))

    def read(self, spans: Iterable[RegionSpan], held: int, *, withheld: bool) -> list[Position]:
        """Return the tokens that are known now, except those of the last `held` characters; `withheld`: none yet."""
        for length, region in spans:
            start, self._read = self._read, self._read + length
            for written in self._written:
                if written.start >= self._read:
                    break
                # The first region that it has text of; syntax is not a region.
                if written.end > start and written.region is None:
                    written.region = region
        return [] if withheld else list(self._settle(self._read - held))

    def finish(self, cut: int) -> list[Position]:
        """Return the remaining tokens, except those with text only in the last `cut` characters that were read."""
        known = list(self._settle(self._read - cut))
        if cut:
            known += self._positions(written for written in self._written if written.start < self._read - cut)
        else:
            known += self._positions(self._written)
        self._written.clear()
        return known

    def _settle(self, end: int) -> Iterator[Position]:
        while self._written and self._written[0].end <= end:
            yield from self._positions([self._written.popleft()])

    def _positions(self, all_written: Iterable[_Written]) -> Iterator[Position]:
        for written in all_written:
            if written.region is Region.REASONING:
                self.reasoning += written.count
            self._region = written.region
            if written.scores is not None:
                yield replace(written.scores, tokens=written.count), written.region
