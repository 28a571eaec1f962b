"""Addresses for managed servers: a folder for a server's UNIX socket, or a reserved port for one that requires a port.

A folder is locked (flock(2)) for as long as its service lives, and the kernel releases the lock of a dead process, whatever
killed it. So a folder of this user that is not locked is unused, even if services in several containers share `/tmp`. Unused
ones, which killed services left behind, are removed.
"""

import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from promptweave.inference.errors import StartError

SOCKET = "engine.sock"
_PREFIX = "promptweave-engine-"
_RANDOM = 8
"""Characters that `mkdtemp` adds."""
_SHORT = Path("/tmp")  # noqa: S108 - its folders are made by mkdtemp
_MAX_SOCKET_PATH = 108 if sys.platform == "linux" else 104
"""The size of `sun_path` (unix(7)), with the byte that ends the path."""

LOOPBACK = "127.0.0.1"


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Create a folder that only this user can enter, for the block; remove those that dead services left. Raises StartError
    if the path would be too long for a socket."""
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
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent()))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # Another service removed it as stale, before it was locked.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_stale() -> None:
    for folder in _parent().glob(f"{_PREFIX}*/"):
        # A folder that cannot be opened, or disappears meanwhile, is left alone.
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
            finally:
                os.close(lock)


def _parent() -> Path:
    """Return the folder for temporary files, or `/tmp` if the path of a socket in it would be too long."""
    wanted = Path(tempfile.gettempdir())
    longest = wanted / f"{_PREFIX}{'x' * _RANDOM}" / SOCKET
    if len(os.fsencode(longest)) < _MAX_SOCKET_PATH:
        return wanted
    if not os.access(_SHORT, os.W_OK | os.X_OK):
        raise StartError(
            f"TMPDIR: the path {str(wanted)!r} is too long for a UNIX socket, and {str(_SHORT)!r} is not writable; "
            "set TMPDIR to a shorter path"
        )
    return _SHORT


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
