"""One service as a child of `promptweave serve`: `python -m promptweave.cli.supervisor.service_process`.

The first line of stdin is a JSON object with the role and its options, since API keys do not belong on a command line.
Stdin stays open while `serve` runs; when it closes, for whatever reason, the service stops. The service prints its listen
address on stdout.
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
    """Return the first line of stdin for a service with these options."""
    role = next(role for role, kind in ROLES.items() if isinstance(options, kind))
    return json.dumps({"role": role, "options": asdict(options)}, default=os.fspath).encode() + b"\n"


def read_order(line: bytes) -> Options:
    """Return the options that a line of `order_line` holds."""
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
    """Run the service until it exits or is stopped."""
    # Unbuffered: the thread reads what follows the line.
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        options = read_order(stdin.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return _runner(options)(_say)


def _runner(options: Options) -> Callable[[Callable[[str], None]], int]:
    # Imported here, so that each process loads only its own service.
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
    """Stop the service when stdin closes. With the parent gone, running requests get only a short grace period."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHANS_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
