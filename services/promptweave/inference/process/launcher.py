"""Becomes the engine: `python -m promptweave.inference.process.launcher`, in a child process that may crash on its own.

The first line of stdin is a JSON object, the `Order`: secrets do not belong on a command line, which every user can read.
For whisper.cpp's server it is a `Command`. Stdin stays open for as long as the parent lives.

When the parent exits, for any reason, so does the engine: on Linux the kernel kills it (prctl(2), PR_SET_PDEATHSIG, which
persists across exec); elsewhere the wheel's engine exits at the end of stdin.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NoReturn

from promptweave.common.parent_death import die_with

_HTTP_THREADS_BESIDES_SLOTS = 8
"""For /health, /tokenize and the like, which must not wait for a message to be generated."""

_LAST_WORDS_S = 0.5
"""The engine logs in a separate thread, for which the end of the process does not wait: on a busy machine the reason for a
failed start was not yet logged in 9 of 150 starts."""

_WAIT = ("OMP_WAIT_POLICY", "passive")
"""Makes the engine's threads sleep while they wait for each other (OpenMP 5.2, section 21.8). By default they spin, which on
a busy machine takes cores from the threads that they wait for: with a load of 15 on two cores a token of the demo model
took 400 ms, and takes 5 ms with this."""

_NO_BACKTRACE = ("GGML_NO_BACKTRACE", "1")
"""An engine that aborts runs gdb, if installed, to report where, and its calls wait for that: 20 s on a busy machine,
instead of 0.1 s."""


@dataclass(frozen=True)
class Order:
    """The llama.cpp server to run."""

    parent: int
    """The parent's process id."""
    binary: str | None
    """A llama-server binary. None: the wheel."""
    model: str
    socket: str
    """The path of the UNIX socket to listen on. Unlike a port, no other process can take it, and no browser can reach it."""
    api_key: str
    parallel: int
    ctx_size: int | None
    """Of all slots together, in tokens."""
    slot_save_path: str | None
    """The folder in which it saves the states of slots."""
    args: tuple[str, ...]
    mmproj: str | None = None
    """The model's projector, for images."""
    pooling: str | None = None
    """Of an engine that embeds or ranks ("rank") and generates no text; by llama.cpp's names."""

    def to_line(self) -> bytes:
        """Return the line of stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True)
class Command:
    """The command to run, for programs other than llama.cpp's server."""

    parent: int
    """The parent's process id."""
    argv: Sequence[str]

    def to_line(self) -> bytes:
        """Return the line of stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


def command(order: Order) -> list[str]:
    """Return the command line of a llama-server binary.

    For `--special` and the pooling options see `_run_wheel`.
    """
    size = ["--ctx-size", str(order.ctx_size)] if order.ctx_size else []
    return [
        *(order.binary or "llama-server", "--model", order.model, "--host", order.socket),
        *("--parallel", str(order.parallel), "--threads-http", str(order.parallel + _HTTP_THREADS_BESIDES_SLOTS)),
        *("--special", "--metrics", "--slots"),
        *size,
        *(["--mmproj", order.mmproj] if order.mmproj else []),
        *(["--slot-save-path", order.slot_save_path] if order.slot_save_path else []),
        *_pooling_arguments(order),
        *order.args,
    ]


def _pooling_arguments(order: Order) -> list[str]:
    if order.pooling is None:
        return []
    batch = str(order.ctx_size)
    return [
        *("--embedding", "--pooling", order.pooling, "--kv-unified", "--batch-size", batch, "--ubatch-size", batch),
        *(["--reranking"] if order.pooling == "rank" else []),
    ]


def main() -> None:
    """Run the engine until it exits or is stopped."""
    line = _first_line()
    fields = json.loads(line)
    die_with(fields["parent"])
    os.environ.setdefault(*_WAIT)
    os.environ.setdefault(*_NO_BACKTRACE)
    if "argv" in fields:
        _become(Command(**fields).argv)
    order = Order(**fields)
    if order.binary is None:
        threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()
        _run_wheel(order)
    else:
        os.environ["LLAMA_API_KEY"] = order.api_key
        _become(command(order))


def _become(argv: Sequence[str]) -> NoReturn:
    try:
        os.execv(argv[0], [*argv])  # noqa: S606 - to become the engine is what this process is for
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


def _first_line() -> bytes:
    """Return the first line of stdin, read byte by byte: what follows belongs to the next reader."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit("the parent process exited")
        line += byte
    return line


def _exit_at_end_of_stdin() -> NoReturn:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _run_wheel(order: Order) -> None:
    from xllamacpp import CommonParams, Server, llama_pooling_type

    params = CommonParams()
    params.model.path = order.model
    params.hostnames = [order.socket]
    params.api_keys = [order.api_key]
    params.n_parallel = order.parallel
    params.n_ctx = order.ctx_size or 0
    params.n_threads_http = order.parallel + _HTTP_THREADS_BESIDES_SLOTS
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.ui = False
    if order.mmproj:
        params.mmproj.path = order.mmproj
    if order.slot_save_path:
        params.slot_save_path = order.slot_save_path
    # Special tokens are text to the grammar but, by default, not part of the output: one inside a JSON string would be
    # accepted and then omitted. This shows them all; `generation/eos_filter.py` removes the one that ends the turn.
    params.special = True
    if order.pooling is not None:
        params.embedding = True
        params.pooling_type = getattr(llama_pooling_type, f"LLAMA_POOLING_TYPE_{order.pooling.upper()}")
        # A text is evaluated in one piece, since attention may be bidirectional: the batch holds the longest one. The
        # slots share the context, so that each of them takes such a text.
        params.kv_unified = True
        params.n_batch = params.n_ubatch = params.n_ctx
    try:
        server = Server(params)
    except RuntimeError as error:
        time.sleep(_LAST_WORDS_S)
        sys.exit(str(error))
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main()
