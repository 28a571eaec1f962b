"""What happens to a message while it is written."""

from dataclasses import dataclass

from promptweave.inference.client.llama_client import Counts, Scores
from promptweave.output.deltas import Delta
from promptweave.output.message import FinishReason
from promptweave.output.tree import Region

Position = tuple[Scores, Region | None]
"""A token, and what its text is part of; None: syntax between the parts, or the turn's end."""


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Tokens of the message, after the deltas that their text became."""

    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids, in order. -1: the engine does not tell which."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """How the message ended. `complete`: it reached the end of its syntax, and no limit cut it."""

    reason: FinishReason
    complete: bool
    matched_stop: str | None
    counts: Counts
    reasoning_tokens: int
    """Those that hold some of the reasoning's text."""


Event = Delta | Logprobs | Tokens | Finish
