"""Monitors an engine: whether it responds, whether its work makes progress, how full its context is.

Measured on the wheel's engine (xllamacpp 2026.10): `/health` and `/slots` respond within 20 ms from separate threads while
two prompts of 21,000 tokens are evaluated, and even while the compute thread is stopped. So a response only shows that the
process is alive; only the counts in `/slots` (`n_prompt_tokens`: the tokens in the context so far) show that it makes
progress. These change once per batch of up to 2,048 tokens: minutes, on a slow machine with a large model.
"""

import time
from dataclasses import dataclass
from typing import Protocol

from promptweave.inference.client.llama_client import Slot
from promptweave.inference.errors import EngineUnavailableError, InferenceError
from promptweave.inference.process.managed_process import PERIOD_S

ANSWER_S = 5.0
"""Response timeout."""
_PATIENCE = 10
"""How many times longer an engine may be busy without progress than it may be without a response."""


@dataclass(frozen=True, slots=True)
class Hang:
    """What is wrong with an engine, for log messages. `at_work`: it responds, but its work makes no progress."""

    what: str
    at_work: bool


class Probed(Protocol):
    """What a watchdog needs of the client of a server."""

    async def healthy(self, *, timeout_s: float) -> bool:
        """Return whether the server responds, with its model loaded."""
        ...

    async def slots(self, *, timeout_s: float) -> list[Slot]:
        """Return the state of its slots; [] if it does not report them. Raises InferenceError."""
        ...


class Watchdog:
    """Monitors one engine. Times in seconds.

    They grow with each `poll`, by at most the maximum duration of one: time in which this process itself is stopped, for
    example because the machine is paused, does not count against the engine.
    """

    def __init__(self, client: Probed, limit_s: float) -> None:
        """Start monitoring. `limit_s`: how long the engine may be without a response."""
        self._client = client
        self._limit_s = limit_s
        self._timeout_s = min(ANSWER_S, limit_s)
        self._taken = time.monotonic()
        self._silent_s = self._stuck_s = 0.0
        self._slots: list[Slot] = []

    async def poll(self) -> bool:
        """Query the engine once; return whether it responded, with its model loaded."""
        healthy = await self._client.healthy(timeout_s=self._timeout_s)
        slots = await self._ask_slots() if healthy else None
        now = time.monotonic()
        # Up to two requests were sent.
        passed, self._taken = min(now - self._taken, PERIOD_S + 2 * self._timeout_s), now
        self._silent_s = 0.0 if healthy else self._silent_s + passed
        self._stuck_s += passed
        # Builds whose `/slots` waits for the compute thread do not respond in mid-batch, which means nothing.
        if slots is not None:
            if slots != self._slots or not any(slot.processing for slot in slots):
                self._stuck_s = 0.0
            self._slots = slots
        return healthy

    async def _ask_slots(self) -> list[Slot] | None:
        """Return the slots; [] from a server that does not report them, None if it does not respond in time."""
        try:
            return await self._client.slots(timeout_s=self._timeout_s)
        except EngineUnavailableError:
            return None
        except InferenceError:
            return []

    @property
    def made_progress(self) -> bool:
        """Return whether the engine, when last queried, had made progress or had no work."""
        return not self._stuck_s

    @property
    def hang(self) -> Hang | None:
        """Return what is wrong with the engine, or None."""
        if self._silent_s > self._limit_s:
            return Hang(f"no response for {self._silent_s:.0f} s", at_work=False)
        if self._stuck_s > _PATIENCE * self._limit_s:
            return Hang(f"no progress for {self._stuck_s:.0f} s", at_work=True)
        return None

    @property
    def busy(self) -> int:
        """Return the number of slots at work."""
        return sum(slot.processing for slot in self._slots)

    @property
    def context_use(self) -> float:
        """Return the part of the context used by messages in progress: 0 to 1.

        What idle slots have cached does not count: it is evicted when the room is needed.
        """
        size = sum(slot.context_size for slot in self._slots)
        used = sum(slot.tokens for slot in self._slots if slot.processing)
        return min(used / size, 1.0) if size else 0.0
