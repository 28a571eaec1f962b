"""A free port for a server that can only be told which one to take."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 that the kernel gives to nobody else while the block lasts, but to a server of this user.

    It is bound, and not listened on: both of the ways in which servers share an address let ours take it all the same,
    however long it loads its model first, and no connection comes here.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            held.setsockopt(socket.SOL_SOCKET, option, 1)
        held.bind((LOOPBACK, 0))
        yield held.getsockname()[1]
