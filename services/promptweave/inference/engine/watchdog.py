"""Feels an engine's pulse: whether it answers, whether its work goes on, how full its context is.

Measured on the wheel's engine (xllamacpp 2026.10): `/health` and `/slots` answer within 20 ms from threads of their own,
while two prompts of 21,000 tokens are evaluated, and even while the thread that computes stands still. So an answer says
that the process lives, and only what `/slots` counts (`n_prompt_tokens`: the tokens in the context so far) says that it
works on. These counts move once for each batch, of up to 2,048 tokens: minutes, on a slow machine with a large model.
"""

import time
from dataclasses import dataclass
from typing import Protocol

from promptweave.inference.client.llama_client import Slot
from promptweave.inference.errors import EngineUnavailableError, InferenceError
from promptweave.inference.process.managed_process import PERIOD_S

ANSWER_S = 5.0
"""How long to wait for an answer."""
_PATIENCE = 10
"""How much longer than without an answer an engine may be busy without getting on."""


@dataclass(frozen=True, slots=True)
class Hang:
    """What is wrong with an engine, for a person. `at_work`: it answers, and does not get on with its work."""

    what: str
    at_work: bool


class Probed(Protocol):
    """The client of what has a pulse."""

    async def healthy(self, *, timeout_s: float) -> bool:
        """Whether it answers, with its model loaded."""
        ...

    async def slots(self, *, timeout_s: float) -> list[Slot]:
        """What its slots do; [] where it does not tell. Raises InferenceError."""
        ...


class Watchdog:
    """The pulse of one engine. Times in seconds.

    They grow with each `poll`, by what that may last at most: that we stand still ourselves, as where the whole machine is
    paused, is no fault of the engine.
    """

    def __init__(self, client: Probed, limit_s: float) -> None:
        """`limit_s`: how long the engine may be silent."""
        self._client = client
        self._limit_s = limit_s
        self._timeout_s = min(ANSWER_S, limit_s)
        self._taken = time.monotonic()
        self._silent_s = self._stuck_s = 0.0
        self._slots: list[Slot] = []

    async def poll(self) -> bool:
        """Asks the engine once; says whether it answered, with its model loaded."""
        healthy = await self._client.healthy(timeout_s=self._timeout_s)
        slots = await self._ask_slots() if healthy else None
        now = time.monotonic()
        # Two questions may have been asked.
        passed, self._taken = min(now - self._taken, PERIOD_S + 2 * self._timeout_s), now
        self._silent_s = 0.0 if healthy else self._silent_s + passed
        self._stuck_s += passed
        # Builds whose `/slots` waits for the computing thread do not answer in mid-batch: that is no news.
        if slots is not None:
            if slots != self._slots or not any(slot.processing for slot in slots):
                self._stuck_s = 0.0
            self._slots = slots
        return healthy

    async def _ask_slots(self) -> list[Slot] | None:
        """[] from a server that does not tell, None where there is no answer in time."""
        try:
            return await self._client.slots(timeout_s=self._timeout_s)
        except EngineUnavailableError:
            return None
        except InferenceError:
            return []

    @property
    def made_progress(self) -> bool:
        """Whether the engine, when it was asked last, had got on with its work, or had none."""
        return not self._stuck_s

    @property
    def hang(self) -> Hang | None:
        """What is wrong with it, if anything is."""
        if self._silent_s > self._limit_s:
            return Hang(f"it has not answered for {self._silent_s:.0f} s", at_work=False)
        if self._stuck_s > _PATIENCE * self._limit_s:
            return Hang(f"it has not got on with its work for {self._stuck_s:.0f} s", at_work=True)
        return None

    @property
    def busy(self) -> int:
        """How many slots are at work."""
        return sum(slot.processing for slot in self._slots)

    @property
    def context_use(self) -> float:
        """Which part of the context the messages that are being written take: 0 to 1.

        What idle slots remember does not count: it gives way to whoever needs the room.
        """
        size = sum(slot.context_size for slot in self._slots)
        used = sum(slot.tokens for slot in self._slots if slot.processing)
        return min(used / size, 1.0) if size else 0.0
