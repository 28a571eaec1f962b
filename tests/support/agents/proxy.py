"""A proxy between a client and a server that makes any model follow a script, and keeps what was said."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.agents.script import WIRES, NoSuchToolError, Script, change

_HOP_BY_HOP = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "content-encoding",
    "keep-alive",
}
_SECRET = {"authorization", "x-api-key"}


@dataclass
class Exchange:
    """A request as the client sent it, what the script made of it, and the response."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    step: str = ""
    status: int = 0
    response: bytes = b""
    seconds: float = 0.0

    @property
    def is_turn(self) -> bool:
        """Whether the client asks the model for a turn."""
        return self.method == "POST" and self.path.partition("?")[0].endswith(tuple(WIRES))

    @property
    def is_refused(self) -> bool:
        """Whether the client got no turn; a stream may break off with an error, too."""
        failed = (b"event: error", b'"type":"response.failed"', b'"type": "response.failed"', b'data: {"error"')
        return self.status != 200 or any(sign in self.response for sign in failed)

    def __str__(self) -> str:
        text = self.response.decode(errors="replace")
        shown = text if self.status != 200 else text[-600:]
        return f"{self.method} {self.path} ({self.step}) -> {self.status} {shown[:1200]}"


@dataclass
class ScriptedProxy:
    """Forwards all requests to the server at `upstream`; those for a turn of the model after the script's change."""

    upstream: str
    script: Script
    folder: Path
    """Where the exchanges are written, a file each."""
    exchanges: list[Exchange] = field(default_factory=list)
    _texts: int = 0

    @property
    def refused(self) -> list[Exchange]:
        """The requests for a turn that got none."""
        return [each for each in self.exchanges if each.is_turn and each.is_refused]

    @asynccontextmanager
    async def listening(self, unix_socket: Path) -> AsyncIterator[None]:
        """Listens on a UNIX socket."""
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        await web.UnixSite(runner, str(unix_socket)).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        exchange = Exchange(request.method, request.path_qs, _public(request), _json(content))
        number = len(self.exchanges)
        self.exchanges.append(exchange)
        began = time.monotonic()
        try:
            return await self._forward(request, exchange, content)
        except NoSuchToolError as error:
            exchange.step = f"no step: {error}"
            return web.json_response({"error": {"message": str(error), "type": "scripted_proxy"}}, status=500)
        finally:
            exchange.seconds = round(time.monotonic() - began, 2)
            self._write(number, exchange)

    async def _forward(self, request: web.Request, exchange: Exchange, content: bytes) -> web.StreamResponse:
        if exchange.is_turn and isinstance(exchange.body, dict):
            body = json.loads(content)
            exchange.step = change(exchange.path, body, self.script, self._texts)
            self._texts += exchange.step.startswith("text")
            content = json.dumps(body).encode()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.request(request.method, self.upstream + exchange.path, data=content, headers=headers) as upstream,
        ):
            exchange.status = upstream.status
            passed = {name: value for name, value in upstream.headers.items() if name.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=upstream.status, headers=passed)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                exchange.response += chunk
                await response.write(chunk)
            await response.write_eof()
            return response

    def _write(self, number: int, exchange: Exchange) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {**vars(exchange), "response": exchange.response.decode(errors="replace")}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (self.folder / f"{number:03}.json").write_text(text, encoding="utf-8")


def _public(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in _SECRET}


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
