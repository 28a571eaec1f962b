"""The facade's process."""

import asyncio
import math
import socket
import ssl
from collections.abc import Callable

import uvicorn

from promptweave.common.tracing import stop_tracing, tracing
from promptweave.facade.app import create_app
from promptweave.facade.errors import KeyFileError, RoutesFileError, TemplateFileError
from promptweave.facade.openai.responses.storage.database import StoreError
from promptweave.facade.options import FacadeOptions
from promptweave.rpc.address import can_be_called
from promptweave.rpc.credentials import check_files
from promptweave.rpc.logs import complain, set_up_logs
from promptweave.rpc.security import SecurityError

ROLE = "facade"
_BACKLOG = 2048
_LAST_WORDS_S = 4
"""How long stopped responses have to send their error. Then their connections are closed."""


class _Server(uvicorn.Server):
    """Signals the application when the grace period is over; uvicorn itself would cut the responses off silently."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event, grace_s: float) -> None:
        super().__init__(config)
        self._stop = stop
        self._grace_s = grace_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(self._grace_s, self._stop.set)
        await super().shutdown(sockets)
        # After this, uvicorn raises the signal that stopped it again, without a handler: the process ends there.
        await asyncio.to_thread(stop_tracing)


def run(options: FacadeOptions, *, on_listening: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status. A failure to start is one line on stderr, and status 1."""
    set_up_logs(ROLE)
    if (options.tls_cert is None) != (options.tls_key is None):
        complain(ROLE, "--tls-cert and --tls-key must be used together")
        return 1
    for option, address in (("--compiler", options.compiler), ("--inference", options.inference)):
        if not can_be_called(address):
            complain(ROLE, f"{option} {address}: not a valid address; use HOST:PORT or unix:/path")
            return 1
    try:
        listening = _listen(options.host, options.port)
    except OSError as error:
        reason = error.strerror or error
        complain(ROLE, f"cannot listen on {options.host}:{options.port}: {reason}; use another --port")
        return 1
    stop = asyncio.Event()
    try:
        check_files(options.security)
        app = create_app(options, stop)
    except (KeyFileError, RoutesFileError, TemplateFileError, StoreError, SecurityError) as error:
        complain(ROLE, str(error))
        return 1
    config = uvicorn.Config(
        app,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        log_config=None,
        # uvicorn logs clients that were cut off at a stop; the facade logs failures itself.
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=math.ceil(options.grace_s) + _LAST_WORDS_S,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        complain(
            ROLE, f"cannot use --tls-cert {options.tls_cert} with --tls-key {options.tls_key}: {error.strerror or error}"
        )
        return 1
    host, port = listening.getsockname()[:2]
    if on_listening:
        on_listening(f"{f'[{host}]' if ':' in host else host}:{port}")
    try:
        with tracing(ROLE):
            _Server(config, stop, options.grace_s).run(sockets=[listening])
    except KeyboardInterrupt:
        return 130
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
