"""What was answered to which call: the same call gets the same answer again, without a worker.

Whoever asks for the same once more, such as several answers to one prompt, one after another, or the same after a failure,
does not wait for it to be compiled. It is only a cache: it says nothing that a worker would not say.
"""

import hashlib
from collections.abc import Callable

from cachetools import LRUCache

MAX_BYTES = 64 * 2**20
"""Bytes of all answers together, with what keeping them takes; the one asked for longest ago goes first."""
_EACH = 256
"""Bytes that keeping an answer takes."""
_SHARE = 8
"""An answer that would take more than this part of all is not kept."""


class ResponseCache:
    """Answers by the content of their calls."""

    def __init__(self, max_bytes: int = MAX_BYTES, *, on_hit: Callable[[], None] = lambda: None) -> None:
        """`on_hit` hears of each call that is answered from here."""
        self._kept: LRUCache[bytes, bytes] = LRUCache(max_bytes, getsizeof=lambda answer: _EACH + len(answer))
        self._on_hit = on_hit

    @staticmethod
    def key(method: str, request: bytes) -> bytes:
        """Names a call. Equal requests of one method have equal keys."""
        return hashlib.sha256(method.encode() + b"\0" + request).digest()

    def get(self, key: bytes) -> bytes | None:
        """The answer to a call, if it is known."""
        answer = self._kept.get(key)
        if answer is not None:
            self._on_hit()
        return answer

    def put(self, key: bytes, answer: bytes) -> None:
        """Remembers an answer."""
        if _SHARE * len(answer) <= self._kept.maxsize:
            self._kept[key] = answer
