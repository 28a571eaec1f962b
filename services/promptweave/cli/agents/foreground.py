"""Runs an agent in the foreground of the terminal, so that signals, job control and exit codes work as without `launch`."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
"""The terminal sends these to the agent, too."""
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Let signals end the program by an exception, so that temporary files and the server are removed."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, *_FORWARDED)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_in_foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command until it exits, and return its exit code; 128 + the signal's number if a signal ended it.

    Raises OSError if the command cannot be run.
    """
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - the user's own command line
    with _signals_for(process.pid):
        code = _wait(process.pid)
    # Popen has not seen the process end.
    process.returncode = code
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_for(pid: int) -> Iterator[None]:
    """Forward signals to a process. Those of the terminal are ignored here if the terminal sends them to it, too."""

    def forward(number: int, frame: FrameType | None) -> None:
        os.kill(pid, number)

    def ignore(number: int, frame: FrameType | None) -> None:
        return

    shared = ignore if _in_foreground() else forward
    handlers = {**dict.fromkeys(_FROM_TERMINAL, shared), **dict.fromkeys(_FORWARDED, forward)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Return whether this process is in the foreground of a terminal, which then sends Ctrl-C to its whole group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _wait(pid: int) -> int:
    """Wait until a child process exits, and return its exit code, or minus a signal's number. Stop while it is stopped."""
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        # The shell sees only this process. After `fg`, both continue.
        os.kill(os.getpid(), signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
