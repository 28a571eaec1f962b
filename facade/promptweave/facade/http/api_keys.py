"""API keys, given one by one or in a file that is reloaded when it changes."""

import hashlib
import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from promptweave.facade.errors import KeyFileError

logger = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0


class Keys:
    """The keys that are accepted.

    The file holds one key per line; empty lines and lines that begin with `#` are ignored. It is checked at most once a
    second. If it can no longer be read, the previous keys stay.
    """

    def __init__(self, given: Iterable[str] = (), file: Path | None = None) -> None:
        """Read the keys. Raises KeyFileError for a file without keys."""
        self._given = frozenset(map(_digest, given))
        self._file = file
        self._stamp = _stamp(file) if file else None
        self._in_file = _read(file) if file else frozenset[bytes]()
        self._looked = time.monotonic()

    def owner(self, presented: str | None) -> str | None:
        """Return the name of a key in logs and stores, which does not reveal the key; None for one that is not accepted."""
        if presented is None:
            return None
        self._look_again()
        digest = _digest(presented)
        # All are compared, each in constant time: the duration reveals nothing.
        known = [secrets.compare_digest(digest, one) for one in self._given | self._in_file]
        return f"key_{digest.hex()[:12]}" if any(known) else None

    def _look_again(self) -> None:
        now = time.monotonic()
        if self._file is None or now - self._looked < _LOOK_AGAIN_S:
            return
        self._looked = now
        try:
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._in_file, self._stamp = _read(self._file), stamp
                logger.info("read %d API keys from %s", len(self._in_file), self._file)
        except KeyFileError as error:
            if self._stamp is not None:
                logger.error("%s; keeping the previous keys", error.message)
            self._stamp = None


def presented_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key in a request's headers: `Authorization: Bearer`, or `x-api-key` as Anthropic's clients send it."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        key = headers.get(b"x-api-key", b"")
    # Headers are bytes; keys are text. Invalid UTF-8 matches no key.
    return key.strip().decode("utf-8", "replace") or None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise KeyFileError(f"cannot read API key file {file}: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> frozenset[bytes]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise KeyFileError(f"cannot read API key file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"API key file {file}: not valid UTF-8") from None
    keys = [stripped for line in lines if (stripped := line.strip()) and not stripped.startswith("#")]
    if not keys:
        raise KeyFileError(f"API key file {file}: contains no key; put one key on each line")
    return frozenset(map(_digest, keys))
