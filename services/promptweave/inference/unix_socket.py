"""HTTP over a UNIX socket with asyncio's own streams.

httpcore would take anyio's, which on asyncio wait on the raw socket: a call that is cancelled just as something arrives
leaves a callback behind that raises InvalidStateError, in the event loop (anyio 4.16) or while the connection is closed
(before 4.15, https://github.com/agronholm/anyio/issues/1267). Cancelling is what we do all day.
"""
# ruff: noqa: ASYNC109 - the signatures are httpcore's

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx


def unix_transport(path: str, **options: Any) -> httpx.AsyncHTTPTransport:
    """A transport that connects to `path`, whatever host a URL names. `options`: as httpx's transport takes them."""
    transport = httpx.AsyncHTTPTransport(uds=path, **options)
    # httpx does not hand this option on.
    transport._pool._network_backend = _Backend()
    return transport


class _Backend(httpcore.AsyncNetworkBackend):
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                return _Stream(*await asyncio.open_unix_connection(path))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _mapped(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _mapped(httpcore.WriteTimeout, httpcore.WriteError):
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise NotImplementedError("TLS on a UNIX socket")

    def get_extra_info(self, info: str) -> Any:
        """The pool asks whether an idle connection is readable: that is, whether the other side has closed it."""
        return self._reader.at_eof() if info == "is_readable" else None


@contextmanager
def _mapped(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as reason:
        raise timeout(str(reason)) from None
    except OSError as reason:
        raise error(str(reason)) from None
