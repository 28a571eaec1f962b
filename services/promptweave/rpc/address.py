"""Addresses: validation, and errors for those that cannot be listened on."""

import socket
from contextlib import suppress


class ListenError(OSError):
    """The address cannot be listened on; the text says which, and why."""


def can_be_called(address: str) -> bool:
    """Return whether the address is `host:port` or `unix:/path`. gRPC accepts anything, and then fails each call."""
    if address.startswith("unix:"):
        return address != "unix:"
    host, _, port = address.rpartition(":")
    return bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16


def refuse_taken(address: str) -> None:
    """Raise ListenError for an address that is invalid or in use, before the gRPC library tries it.

    For a port in use the library writes several lines of its own to stderr, and it takes a UNIX socket over from its owner.
    """
    host, _, port = address.rpartition(":")
    try:
        if address.startswith("unix:"):
            _refuse_taken_socket(address, address.removeprefix("unix:").removeprefix("//"))
        else:
            _refuse_taken_port(host.strip("[]"), int(port))
    except ValueError:
        raise ListenError(f"{address!r} is not an address; use host:port or unix:/path") from None
    except ListenError:
        raise
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None


def _refuse_taken_socket(address: str, path: str) -> None:
    if not path:
        raise ValueError(address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(FileNotFoundError, ConnectionRefusedError):
        probe.connect(path)
        raise ListenError(f"{address} is in use by another process")


def _refuse_taken_port(host: str, port: int) -> None:
    if not 0 <= port < 1 << 16:
        raise ValueError(port)
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, name in infos[:1]:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(name)
