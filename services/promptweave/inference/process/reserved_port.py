"""A free port for a server that cannot choose one itself."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"


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
