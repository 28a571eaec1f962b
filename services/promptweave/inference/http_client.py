"""HTTP to a program that is watched over: what goes wrong on the way comes out as EngineUnavailableError."""

from collections.abc import Mapping
from typing import Self

import httpx

from promptweave.inference.engine_errors import unreachable
from promptweave.inference.errors import EngineAwayError
from promptweave.inference.lost_connections import closing_what_is_lost
from promptweave.inference.unix_socket import unix_transport
from promptweave.tracing import trace_headers

SMALL_CALL_S = 60.0
"""For everything but what a model works on, which may take as long as it likes."""

CONNECT_S = 5.0


class HttpClient:
    """Talks to one server, below `url`."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, socket: str | None = None) -> None:
        """`socket`: the path of a UNIX socket to connect to, whatever host `url` names."""
        # The number of streams is bounded by whoever calls, and a pool that is full would block /health.
        # None is kept: a message that finds its connection closed could not tell whether the engine saw it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._transport = (
            unix_transport(socket, limits=limits) if socket else httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
        )
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            transport=self._transport,
            timeout=httpx.Timeout(SMALL_CALL_S, connect=CONNECT_S),
            trust_env=False,
        )
        # A call found it gone: until it is healthy, no message could tell whether a dying engine saw it.
        self._lost = False
        self.answers = True
        """Whether it was there when it was asked or called last."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def healthy(self, *, timeout_s: float = 5.0) -> bool:
        """Whether it is there and the model is loaded."""
        try:
            request = self._http.build_request("GET", "/health", timeout=timeout_s)
            async with closing_what_is_lost(self._transport, request):
                answer = await self._http.send(request)
        except (httpx.HTTPError, RuntimeError):  # The client is closed.
            self.answers = False
            return False
        self.answers = answer.is_success
        self._lost = self._lost and not answer.is_success
        return answer.is_success

    async def _send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        if self._http.is_closed or (stream and self._lost):
            raise EngineAwayError  # It went away while the caller waited for a slot of it.
        request.headers.update(trace_headers())
        try:
            async with closing_what_is_lost(self._transport, request):
                return await self._http.send(request, stream=stream)
        except httpx.ConnectError:
            self.answers = False
            raise EngineAwayError from None
        except httpx.HTTPError as error:
            self._lost, self.answers = True, False
            raise unreachable(error) from None
