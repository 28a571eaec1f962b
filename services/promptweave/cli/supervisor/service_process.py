"""One service as a child of `promptweave serve`: `python -m promptweave.cli.supervisor.service_process`.

The first line of stdin is a JSON object with the role and its options: keys do not belong on a command line. Stdin stays
open for as long as `serve` lives; when it ends, however that came about, the service stops. On stdout it says where it
listens.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from promptweave.compiler.options import CompilerOptions
from promptweave.facade.options import FacadeOptions
from promptweave.inference.options import InferenceOptions

Options = CompilerOptions | InferenceOptions | FacadeOptions
ROLES: dict[str, type[Options]] = {"compiler": CompilerOptions, "inference": InferenceOptions, "facade": FacadeOptions}
LISTENING = "listening "
_ORPHANS_GRACE_S = 1.0


def order_line(options: Options) -> bytes:
    """The line of stdin."""
    role = next(role for role, kind in ROLES.items() if isinstance(options, kind))
    return json.dumps({"role": role, "options": asdict(options)}, default=os.fspath).encode() + b"\n"


def read_order(line: bytes) -> Options:
    """The options of a line."""
    order = json.loads(line)
    options: Options = _built(ROLES[order["role"]], order["options"])
    return options


def _built(kind: type[Any], given: dict[str, Any]) -> Any:
    return kind(**{field.name: _from_json(given[field.name], field.type) for field in fields(kind)})


def _from_json(value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return _built(kind, value)
    return Path(value) if value is not None and Path in get_args(kind) else value


def main() -> int:
    """Runs the service until it ends, or is ended."""
    # Unbuffered: what follows the line is for the thread.
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        options = read_order(stdin.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return _runner(options)(_say)


def _runner(options: Options) -> Callable[[Callable[[str], None]], int]:
    # Imported where they are needed: each process loads its own service only.
    match options:
        case CompilerOptions():
            from promptweave.compiler.main import run as run_compiler

            return lambda say: run_compiler(options, on_listening=say)
        case InferenceOptions():
            from promptweave.inference.main import run as run_inference

            return lambda say: run_inference(options, on_listening=say)
        case FacadeOptions():
            from promptweave.facade.main import run as run_facade

            return lambda say: run_facade(options, on_listening=say)


def _say(address: str) -> None:
    print(f"{LISTENING}{address}", flush=True)


def _stop_with_parent() -> None:
    """Nobody waits for what is still running, so it gets a moment only."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHANS_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
