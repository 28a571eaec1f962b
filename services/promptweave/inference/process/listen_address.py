"""Addresses for managed servers: a folder for a server's UNIX socket, or a reserved port for one that requires a port.

A folder is locked (flock(2)) for as long as its service lives, and the kernel releases the lock of a dead process, whatever
killed it. So a folder of this user that is not locked is unused, even if services in several containers share `/tmp`. Unused
ones, which killed services left behind, are removed.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = "engine.sock"
_PREFIX = "promptweave-engine-"

LOOPBACK = "127.0.0.1"


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Create a folder that only this user can enter, for the block; remove those that dead services left."""
    _remove_stale()
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
            continue  # Another service removed it as stale, before it was locked.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_stale() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/"):
        # A folder that cannot be opened, or disappears meanwhile, is left alone.
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
            finally:
                os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder. Raises OSError if it contains something else: then it is not a socket folder."""
    (folder / SOCKET).unlink(missing_ok=True)
    folder.rmdir()


@contextmanager
def reserved_port() -> Iterator[int]:
    """Reserve a port of 127.0.0.1 for the block: the kernel assigns it to no other process except a server of this user.

    The port is bound but not listened on: with either of the options by which servers share an address, the managed server
    can still bind it, however long it loads its model first, and no connection arrives here.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            held.setsockopt(socket.SOL_SOCKET, option, 1)
        held.bind((LOOPBACK, 0))
        yield held.getsockname()[1]
