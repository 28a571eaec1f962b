"""The facade as a process."""

import socket
from collections.abc import Callable

import uvicorn

from promptweave.facade.app import create_app
from promptweave.facade.options import FacadeOptions
from promptweave.facade.responses_store import StoreError
from promptweave.rpc.logs import complain, set_up_logs

ROLE = "facade"
_BACKLOG = 2048


def run(options: FacadeOptions, *, on_listening: Callable[[str], None] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status. What keeps it from starting is one line on stderr, and 1."""
    set_up_logs(ROLE)
    try:
        listening = _listen(options.host, options.port)
    except OSError as error:
        reason = error.strerror or error
        complain(ROLE, f"cannot listen on {options.host}:{options.port}: {reason}; --port takes another one")
        return 1
    try:
        app = create_app(options)
    except StoreError as error:
        complain(ROLE, str(error))
        return 1
    config = uvicorn.Config(
        app,
        log_config=None,
        # It tells of clients that were cut off at a stop; what fails is logged by the facade itself.
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=round(options.grace_s),
    )
    host, port = listening.getsockname()[:2]
    if on_listening:
        on_listening(f"{f'[{host}]' if ':' in host else host}:{port}")
    try:
        uvicorn.Server(config).run(sockets=[listening])
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
