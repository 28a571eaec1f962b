"""Rate limits of a client: requests per minute, and concurrent requests."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from promptweave.errors import Code, PromptweaveError


class TooManyError(PromptweaveError):
    """A client exceeds its limit."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "ERROR_REASON_OVERLOADED"


class RateLimits:
    """The limits of each client, counted in this process. None: no limit."""

    def __init__(self, requests_per_minute: int | None, concurrent_requests: int | None) -> None:
        self._per_minute = RateLimitItemPerMinute(requests_per_minute) if requests_per_minute else None
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._concurrent = concurrent_requests
        self._running: Counter[str] = Counter()

    async def count(self, client: str) -> dict[str, str]:
        """Count one request; returns the headers that report how many are left. Raises TooManyError."""
        if self._per_minute is None:
            return {}
        taken = await self._window.hit(self._per_minute, client)
        stats = await self._window.get_window_stats(self._per_minute, client)
        reset_s = max(0.0, stats.reset_time - time.time())
        if not taken:
            raise TooManyError(
                f"rate limit of {self._per_minute.amount} requests per minute exceeded; retry in {reset_s:.0f} s",
                retry_after_s=max(reset_s, 0.1),
            )
        return {
            "x-ratelimit-limit-requests": str(self._per_minute.amount),
            "x-ratelimit-remaining-requests": str(stats.remaining),
            "x-ratelimit-reset-requests": f"{reset_s:.0f}s",
        }

    @contextmanager
    def running(self, client: str) -> Iterator[None]:
        """Count a request as running during the block. Raises TooManyError."""
        if self._concurrent is not None and self._running[client] >= self._concurrent:
            raise TooManyError(
                f"limit of {self._concurrent} concurrent requests exceeded; wait for one to complete", retry_after_s=1.0
            )
        self._running[client] += 1
        try:
            yield
        finally:
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]
