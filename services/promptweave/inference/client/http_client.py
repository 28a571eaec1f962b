"""HTTP client for a supervised program: transport errors are raised as EngineUnavailableError."""

import json
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    UnixConnector,
)

from promptweave.common.tracing import trace_headers
from promptweave.inference.client.error_mapping import unreachable
from promptweave.inference.errors import EngineAwayError

SMALL_CALL_S = 60.0
"""Timeout for everything except model work, which is not limited."""

CONNECT_S = 5.0

_WRITE_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

BROKEN = (ClientError, TimeoutError, RuntimeError)
"""What aiohttp raises if the server is unreachable or exits, or (RuntimeError) if the client itself was closed."""


class HttpClient:
    """Talks to one server, below `url`."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, socket: str | None = None) -> None:
        """Set the server. `socket`: the path of a UNIX socket to connect to, whatever host `url` names."""
        self._url = url.rstrip("/")
        self._headers = headers
        self._socket = socket
        self._http: ClientSession | None = None
        # A call has failed: until the engine is healthy, a message could not know whether a dying engine received it.
        self._lost = False
        self.is_responding = True
        """Whether it responded to the last check or call."""

    async def __aenter__(self) -> Self:
        # The caller bounds the number of streams, and a full pool would block /health.
        # No connection is reused: a message that finds its own closed could not know whether the engine received it.
        connector = (
            UnixConnector(self._socket, force_close=True, limit=0)
            if self._socket
            else TCPConnector(force_close=True, limit=0)
        )
        self._http = ClientSession(
            connector=connector, headers=self._headers, cookie_jar=DummyCookieJar(), json_serialize=_WRITE_JSON
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http:
            await self._http.close()

    async def healthy(self, *, timeout_s: float = 5.0) -> bool:
        """Return whether it responds and the model is loaded."""
        try:
            response = await self._request("GET", "/health", timeout_s)
        except (*BROKEN, EngineAwayError):
            self.is_responding = False
            return False
        response.close()
        self.is_responding = response.status < 300
        self._lost = self._lost and not self.is_responding
        return self.is_responding

    async def _fetch(
        self, method: str, path: str, *, timeout_s: float | None = SMALL_CALL_S, **body: Any
    ) -> tuple[int, bytes]:
        """Return the status and the body of a response. `body`: `json` or `data`, as in aiohttp."""
        response = await self._send(method, path, timeout_s=timeout_s, **body)
        try:
            return response.status, await self._read(response)
        finally:
            response.close()

    async def _send(self, method: str, path: str, *, timeout_s: float | None, **body: Any) -> ClientResponse:
        """Return the beginning of a response, which the caller must close."""
        try:
            return await self._request(method, path, timeout_s, **body)
        except ClientConnectorError:
            self.is_responding = False
            raise EngineAwayError from None
        except BROKEN as error:
            self._lost, self.is_responding = True, False
            raise unreachable(error) from None

    async def _read(self, response: ClientResponse) -> bytes:
        try:
            return await response.read()
        except BROKEN as error:
            self._lost, self.is_responding = True, False
            raise unreachable(error) from None

    async def _request(self, method: str, path: str, timeout_s: float | None, **body: Any) -> ClientResponse:
        if self._http is None or self._http.closed:
            raise EngineAwayError  # It exited while the caller waited for one of its slots.
        return await self._http.request(
            method,
            self._url + path,
            headers=trace_headers(),
            timeout=ClientTimeout(timeout_s, sock_connect=CONNECT_S),
            allow_redirects=False,
            **body,
        )
