"""Becomes the engine: `python -m promptweave.inference.process.launcher`, in a child process that may crash alone.

The first line of stdin is a JSON object, the `Order`: secrets do not belong on a command line, which everybody can read.
For whisper.cpp's server it is a `Command`. Stdin stays open for as long as the parent lives.

When the parent dies, however it dies, the engine goes too: on Linux the kernel kills it (prctl(2), PR_SET_PDEATHSIG,
which outlives exec); elsewhere the end of stdin tells the wheel's engine.
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
"""For /health, /tokenize and the like, which must not wait for a message to be written."""

_LAST_WORDS_S = 0.5
"""The engine's log has a thread of its own, for which the end of the process does not wait: on a busy machine it had not yet
written why a start failed, in 9 of 150."""

_WAIT = ("OMP_WAIT_POLICY", "passive")
"""How the engine's threads wait for each other (OpenMP 5.2, section 21.8): asleep. By default they spin, which keeps a busy
machine's cores from those that they wait for: beside a load of 15 on two cores a token of the demo model took 400 ms, and
takes 5."""

_NO_BACKTRACE = ("GGML_NO_BACKTRACE", "1")
"""An engine that aborts has gdb tell where, if there is one, and its calls wait for that: 20 s on a busy machine, instead of
0.1."""


@dataclass(frozen=True)
class Order:
    """What to run."""

    parent: int
    """The parent's process id."""
    binary: str | None
    """A llama-server; None: the wheel."""
    model: str
    socket: str
    """The path of the UNIX socket to listen on. No port: nobody else can take it, and no browser can reach it."""
    api_key: str
    parallel: int
    ctx_size: int | None
    """Of all slots together, in tokens."""
    slot_save_path: str | None
    """The folder that it saves the states of slots in."""
    args: tuple[str, ...]
    mmproj: str | None = None
    """The model's projector, for pictures."""
    pooling: str | None = None
    """Of an engine that gives vectors, or ranks ("rank"), and writes no text; by llama.cpp's names."""

    def to_line(self) -> bytes:
        """The line of stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True)
class Command:
    """What to run, where it is another program than llama.cpp's server."""

    parent: int
    """The parent's process id."""
    argv: Sequence[str]

    def to_line(self) -> bytes:
        """The line of stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


def command(order: Order) -> list[str]:
    """The command line of a llama-server binary.

    `--special`, and all that pooling takes, as for the wheel, below.
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
    """Runs the engine until it ends, or is ended."""
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
    """Byte by byte: what follows belongs to whoever reads stdin next."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit("the parent went away")
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
    # Special tokens are text to the grammar but not, by default, to the reader of the output: one inside a JSON string
    # would be accepted and then left out. This shows them all; `generation/eos_filter.py` takes away the one that ends the
    # turn.
    params.special = True
    if order.pooling is not None:
        params.embedding = True
        params.pooling_type = getattr(llama_pooling_type, f"LLAMA_POOLING_TYPE_{order.pooling.upper()}")
        # A text is evaluated in one piece, for its tokens may look at each other both ways: the batch holds the longest
        # one. The slots share the context, so that each of them takes such a text.
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
