"""Events emitted while a message is generated."""

from dataclasses import dataclass

from promptweave.inference.client.counts import Counts
from promptweave.inference.client.llama_client import Scores
from promptweave.output.deltas import Delta
from promptweave.output.message import FinishReason
from promptweave.output.tree import Region

Position = tuple[Scores, Region | None]
"""A token and the region its text belongs to. None: syntax between regions, or the end of the turn."""


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Log-probabilities of tokens, emitted after the deltas that contain their text."""

    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids, in order. -1: the engine did not report the id."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a message. `complete`: it reached the end of its syntax, and no limit truncated it."""

    reason: FinishReason
    complete: bool
    matched_stop: str | None
    counts: Counts
    reasoning_tokens: int
    """Tokens that contain reasoning text."""
    call_as_text: str = ""
    """A tool that the content reads like a call of; "" if there is none, or if the message calls tools."""


Event = Delta | Logprobs | Tokens | Finish
