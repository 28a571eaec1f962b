"""A folder for the engine's socket, and an end for those that a killed service left behind.

The folder is locked (flock(2)) for as long as its service lives, and the kernel takes the lock away from the dead, whatever
killed them. So what is ours and not locked is nobody's, also where services of several containers share `/tmp`.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = "engine.sock"
_PREFIX = "promptweave-engine-"


@contextmanager
def socket_folder() -> Iterator[Path]:
    """A new folder that only this user can enter; it goes with the block. Takes away what the dead left."""
    _take_away_stale()
    folder, lock = _new()
    try:
        yield folder
    finally:
        with suppress(OSError):
            _remove(folder)
        os.close(lock)


def _new() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # Another service took it for stale, before it was locked.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _take_away_stale() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/"):
        # Whatever cannot be opened, or goes while we look, is not ours to take away.
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
            finally:
                os.close(lock)


def _remove(folder: Path) -> None:
    """Raises OSError where something else is in it: then it is not what it looks like."""
    (folder / SOCKET).unlink(missing_ok=True)
    folder.rmdir()
