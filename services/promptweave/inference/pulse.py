"""Feels an engine's pulse: whether it answers, whether its work goes on, how full its context is.

Measured on the wheel's engine (xllamacpp 2026.10): `/health` and `/slots` answer within 20 ms from threads of their own,
while two prompts of 21,000 tokens are evaluated, and even while the thread that computes stands still. So an answer says
that the process lives, and only what `/slots` counts (`n_prompt_tokens`: the tokens in the context so far) says that it
works on. These counts move once for each batch, of up to 2,048 tokens: minutes, on a slow machine with a large model.
"""

import time

from promptweave.inference.client import EngineClient, Slot
from promptweave.inference.errors import EngineUnavailableError, InferenceError

_ANSWER_S = 5.0
_PATIENCE = 10
"""How much longer than without an answer an engine may be busy without getting on."""


class Pulse:
    """The pulse of one engine. `take` it every second or so; times in seconds."""

    def __init__(self, client: EngineClient, limit_s: float) -> None:
        """`limit_s`: how long the engine may be silent."""
        self._client = client
        self._limit_s = limit_s
        self._answered = self._moved = time.monotonic()
        self._slots: list[Slot] = []

    async def take(self) -> bool:
        """Asks the engine once; says whether it answered, with its model loaded."""
        timeout_s = min(_ANSWER_S, self._limit_s)
        healthy = await self._client.healthy(timeout_s=timeout_s)
        slots = await self._ask_slots(timeout_s) if healthy else None
        now = time.monotonic()
        if healthy:
            self._answered = now
        # Builds whose `/slots` waits for the computing thread do not answer in mid-batch: that is no news.
        if slots is not None:
            if slots != self._slots or not any(slot.processing for slot in slots):
                self._moved = now
            self._slots = slots
        return healthy

    async def _ask_slots(self, timeout_s: float) -> list[Slot] | None:
        """[] from a server that does not tell, None where there is no answer in time."""
        try:
            return await self._client.slots(timeout_s=timeout_s)
        except EngineUnavailableError:
            return None
        except InferenceError:
            return []

    def trouble(self) -> str:
        """What is wrong with it; "" if nothing is."""
        now = time.monotonic()
        if now - self._answered > self._limit_s:
            return f"it has not answered for {now - self._answered:.0f} s"
        if now - self._moved > _PATIENCE * self._limit_s:
            return f"it has not got on with its work for {now - self._moved:.0f} s"
        return ""

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
