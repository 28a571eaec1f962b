"""API keys, given one by one or in a file that is reloaded when it changes."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from promptweave.facade.errors import KeyFileError
from promptweave.rpc.reloading_file import ReloadingFile


class Keys:
    """The keys that are accepted.

    The file holds one key per line; empty lines and lines that begin with `#` are ignored. It is reloaded when it changes.
    """

    def __init__(self, given: Iterable[str] = (), file: Path | None = None) -> None:
        """Read the keys. Raises KeyFileError for a file without keys."""
        self._given = frozenset(map(_digest, given))
        self._file = ReloadingFile([file], lambda: _read(file), KeyFileError) if file else None

    def owner(self, presented: str | None) -> str | None:
        """Return the name of a key in logs and stores, which does not reveal the key; None for one that is not accepted."""
        if presented is None:
            return None
        digest, in_file = _digest(presented), self._file.value() if self._file else frozenset[bytes]()
        # All are compared, each in constant time: the duration reveals nothing.
        known = [secrets.compare_digest(digest, one) for one in self._given | in_file]
        return f"key_{digest.hex()[:12]}" if any(known) else None


def presented_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key in a request's headers: `Authorization: Bearer`, or `x-api-key` as Anthropic's clients send it."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        key = headers.get(b"x-api-key", b"")
    # Headers are bytes; keys are text. Invalid UTF-8 matches no key.
    return key.strip().decode("utf-8", "replace") or None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


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
