"""Finds the engine: `--engine PATH`, $PROMPTWEAVE_ENGINE, `llama-server` on PATH, the xllamacpp wheel, in this order."""

import os
import shutil
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

from promptweave.inference.errors import StartError

ENGINE_VARIABLE = "PROMPTWEAVE_ENGINE"
BINARY = "llama-server"
WHEEL = "xllamacpp"


@dataclass(frozen=True)
class EngineProgram:
    """The program to run: a llama-server binary, or (`binary` is None) llama.cpp's server from the wheel."""

    binary: str | None
    version: str
    """The version, as far as it is known before the program runs; "" for a binary, which reports it later."""


def find_engine(engine: str | None, engine_args: tuple[str, ...] = ()) -> EngineProgram:
    """Return the first engine found. Raises StartError if there is none, or if it cannot take `engine_args`."""
    named = engine or os.environ.get(ENGINE_VARIABLE)
    if named:
        binary = shutil.which(os.path.expanduser(named))
        if binary is None:
            origin = "--engine" if engine else f"${ENGINE_VARIABLE}"
            raise StartError(f"{origin}: {named} is not an executable program")
        return EngineProgram(binary, "")
    if binary := shutil.which(BINARY):
        return EngineProgram(binary, "")
    # Not imported: it is large, and this process lives as long as the service.
    if find_spec(WHEEL):
        if engine_args:
            raise StartError(
                f"the engine arguments {' '.join(engine_args)!r} require a llama-server binary (--engine PATH); "
                f"the engine found is the {WHEEL} wheel, which accepts no arguments"
            )
        return EngineProgram(None, f"{WHEEL} {metadata.version(WHEEL)}")
    raise StartError(
        "no llama.cpp engine found; install promptweave with the extra `engine` (pip install '.[engine]' in its directory), "
        f"put {BINARY} on PATH, or set --engine PATH or ${ENGINE_VARIABLE}"
    )
