"""Cache of responses: the same call gets the same response again, without a worker.

Repeated requests, such as several answers to one prompt, one after another, or a retry after a failure, are not compiled
again. It is only a cache: it never returns what a worker would not return.
"""

import hashlib
from collections.abc import Callable

from cachetools import LRUCache

MAX_BYTES = 64 * 2**20
"""Maximum bytes of all responses, including the overhead of keeping them; the least recently used one is evicted first."""
_EACH = 256
"""Overhead of keeping a response, in bytes."""
_SHARE = 8
"""A response larger than the cache divided by this is not kept."""


class ResponseCache:
    """Responses by the content of their calls."""

    def __init__(self, max_bytes: int = MAX_BYTES, *, on_lookup: Callable[[bool], None] = lambda _: None) -> None:
        """Create the cache. `on_lookup` is called for each lookup, with whether the response was found."""
        self._kept: LRUCache[bytes, bytes] = LRUCache(max_bytes, getsizeof=lambda answer: _EACH + len(answer))
        self._on_lookup = on_lookup

    @staticmethod
    def key(method: str, request: bytes) -> bytes:
        """Return the key of a call. Equal requests of one method have equal keys."""
        return hashlib.sha256(method.encode() + b"\0" + request).digest()

    def get(self, key: bytes) -> bytes | None:
        """Return the response to a call, or None."""
        answer = self._kept.get(key)
        self._on_lookup(answer is not None)
        return answer

    def put(self, key: bytes, answer: bytes) -> None:
        """Store a response."""
        if _SHARE * len(answer) <= self._kept.maxsize:
            self._kept[key] = answer
