"""Runs `promptweave serve` and single services as a user would: in child processes, on free ports."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

START_S = 60.0
STOP_S = 40.0
COMMAND = (sys.executable, "-P", "-m", "promptweave.cli.main")
FREE_PORTS = ("--port", "0", "--compiler-listen", "127.0.0.1:0", "--inference-listen", "127.0.0.1:0")


@dataclass(frozen=True)
class Serving:
    """A running `promptweave serve`."""

    process: subprocess.Popen[str]
    screen: str
    url: str
    """Of the OpenAI API, with `/v1`."""
    compiler: str
    inference: str

    @property
    def family(self) -> list[psutil.Process]:
        """All processes: itself, the services, the engine."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def running(
    *arguments: str,
    until: str,
    env: dict[str, str] | None = None,
    stderr: IO[str] | None = None,
    cwd: Path | None = None,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command, once its stdout says `until`; and what it said. It is gone when the block is left."""
    environment = {**os.environ, **(env or {})}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment, cwd=cwd or Path.home()
    )
    said: list[str] = []
    timer = threading.Timer(START_S, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        while not re.search(until, "".join(said)):
            line = process.stdout.readline()
            assert line, f"it ended with status {process.wait()}, after {''.join(said)!r}"
            said.append(line)
        timer.cancel()
        yield process, "".join(said)
    finally:
        timer.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[Serving]:
    """`promptweave serve` on free ports."""
    with running("serve", *FREE_PORTS, *arguments, until="Ctrl-C", env=env) as (process, screen):
        found = {name: re.search(rf"{name} +(\S+)", screen) for name in ("OpenAI API", "compiler", "inference")}
        url, compiler, inference = (match[1] for match in found.values() if match)
        yield Serving(process, screen, url, compiler, inference)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, within some seconds."""
    _, alive = psutil.wait_procs(processes, timeout=STOP_S)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
