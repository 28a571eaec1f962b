"""One run of a program in a child process: starts it, reads its log, stops it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from promptweave.inference.process.log import EngineLog

_MAX_LINE_BYTES = 1 << 16
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
"""Signals by which no program ends itself."""


class Child:
    """A running program, in a separate session: Ctrl-C at the terminal reaches only this process, which stops it cleanly."""

    def __init__(self, process: asyncio.subprocess.Process, log: EngineLog) -> None:
        self._process = process
        self.log = log
        self._killed_by_us = False
        self._oom_kills = _oom_kills()
        # Not in a TaskGroup: it lasts as long as this object, and must not end the block in which the program runs.
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    @asynccontextmanager
    async def running(cls, order: bytes, log: EngineLog, *, grace_s: float) -> AsyncIterator["Child"]:
        """Start the program in the launcher's `order`; stop it at the end of the block, within `grace_s` seconds.

        Only the process is up then: query it to find out whether it serves.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "promptweave.inference.process.launcher"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        child = cls(process, log)
        try:
            await child._order(order)
            yield child
        finally:
            await child._stop(grace_s)

    async def _order(self, order: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order)
        # It may be dead already, which `wait` reports.
        with suppress(ConnectionError):
            await self._process.stdin.drain()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def kill(self) -> None:
        """Kill it at once, with all processes that it started."""
        self._killed_by_us = True
        self._signal(signal.SIGKILL)

    @property
    def killed_by_others(self) -> bool:
        """Return whether it was ended from outside: not by `kill`, itself or the kernel's OOM killer, as far as known."""
        status = self._process.returncode
        if self._killed_by_us or status not in _FROM_OUTSIDE:
            return False
        return status != -signal.SIGKILL or (self._oom_kills is not None and _oom_kills() == self._oom_kills)

    async def wait(self) -> str:
        """Wait for its end; return a description of how it ended, for log messages."""
        status = await self._process.wait()
        await asyncio.wait([self._reading], timeout=1)
        if status == -signal.SIGKILL:
            return "killed by SIGKILL, possibly by the kernel because memory ran out"
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    async def _stop(self, grace_s: float) -> None:
        """Stop it and all processes that it started: SIGTERM, `grace_s` seconds, SIGKILL."""
        try:
            if self._process.returncode is None:
                self._signal(signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_s):
                        await self._process.wait()
        finally:
            # Its children are in its group, too. Cancelling this leaves no engine behind.
            self.kill()
            self._reading.cancel()
            if self._process.stdin:
                self._process.stdin.close()
            await asyncio.shield(self._process.wait())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _read_log(self) -> None:
        """Read the log continuously: a program whose pipe is full blocks."""
        assert self._process.stdout is not None
        pending = b""
        while piece := await self._process.stdout.read(_MAX_LINE_BYTES):
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                self.log.note(line.decode(errors="replace"))
            if len(pending) > _MAX_LINE_BYTES:
                pending = b""
        if pending:
            self.log.note(pending.decode(errors="replace"))


def _oom_kills() -> int | None:
    """Return how many processes of this machine the kernel's OOM killer has ended. None: not reported."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None
