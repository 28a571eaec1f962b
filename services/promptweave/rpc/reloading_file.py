"""Files that are reloaded when they change: keys and certificates are renewed while a service runs."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

_LOOK_AGAIN_S = 1.0


class ReloadingFile(Generic[Value]):
    """The value that `read` makes from some files.

    The files are checked at most once a second, when the value is requested. If they can no longer be read, the previous
    value stays, and each distinct reason is logged once.
    """

    def __init__(self, files: Sequence[Path], read: Callable[[], Value], errors: type[Exception] = OSError) -> None:
        """Read the files. `errors`: what `read` raises, besides OSError, for unusable files; it is raised from here, too."""
        self._files, self._read, self._errors = files, read, (OSError, errors)
        self._stamp = self._stamps()
        self._value = read()
        self._complaint = ""
        self._looked = time.monotonic()

    def value(self) -> Value:
        """Return the current value."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            self._look_again()
        return self._value

    def _look_again(self) -> None:
        stamp = self._stamps()
        if stamp == self._stamp and not self._complaint:
            return
        names = ", ".join(map(str, self._files))
        try:
            self._value, self._stamp = self._read(), stamp
        except self._errors as error:
            if str(error) != self._complaint:
                logger.error("%s; keeping the previous contents of %s", error, names)
            self._complaint = str(error)
        else:
            self._complaint = ""
            logger.info("reloaded %s", names)

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(file) for file in self._files]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
