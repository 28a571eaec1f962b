"""Worker processes that compile, so that no template and no schema can hold up the service or take it down.

A call gets a worker to itself. One that takes too long, or dies, is killed and replaced; its call is told so.
"""

import asyncio
import logging
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from promptweave.common.tracing import span
from promptweave.compiler.errors import CompilerError

logger = logging.getLogger(__name__)

CPU_S = 15.0
"""Seconds of CPU time of one call: on a busy machine it may take longer, and what it learns of a template is not lost.
A render has its own, smaller bound."""
WALL_S = 60.0
"""Seconds of one call by the clock."""

ENDING_S = 2.0
"""How long a worker that said no more may take to end."""

OK, ONCE, ERROR = b"ok", b"once", b"error"
"""The verdicts of an answer. ONCE: it was right at that moment; asked again, the answer may be another."""

MODULE = "promptweave.compiler.service.worker"


class CallTooLongError(CompilerError):
    """The call was given up."""

    reason = "ERROR_REASON_REQUEST_INVALID"


class Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, cpu_s: float) -> "Worker":
        """Starts one, which ends when a call takes more CPU time."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, str(os.getpid()), str(cpu_s)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    @property
    def alive(self) -> bool:
        """Whether it can be given a call."""
        return self._process.returncode is None

    @property
    def out_of_time(self) -> bool:
        """Whether it ended since a call took too much CPU time."""
        return self._process.returncode == -signal.SIGPROF

    async def call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        """The answer: a verdict and a message. Raises EOFError or ConnectionError if the process dies."""
        assert self._process.stdin is not None
        for part in (method.encode(), data):
            self._process.stdin.write(struct.pack(">I", len(part)) + part)
        await self._process.stdin.drain()
        return await self._frame(), await self._frame()

    async def _frame(self) -> bytes:
        assert self._process.stdout is not None
        (length,) = struct.unpack(">I", await self._process.stdout.readexactly(4))
        return await self._process.stdout.readexactly(length)

    async def ended(self) -> None:
        """Waits for the end of one that said no more, and ends it if it stays.

        Not at once by `kill`: that looks first whether the process is dead (`Popen.poll`), and if so takes from asyncio how
        it ended.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends it, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


class WorkerPool:
    """Up to `size` workers, started when they are needed."""

    def __init__(self, size: int | None = None, *, cpu_s: float = CPU_S, wall_s: float = WALL_S) -> None:
        self.size = size or max(4, os.cpu_count() or 1)
        self._permits = asyncio.Semaphore(self.size)
        self._idle: list[Worker] = []
        self._calls: set[asyncio.Task[tuple[bytes, bytes]]] = set()
        self._cpu_s, self._wall_s = cpu_s, wall_s

    @property
    def busy(self) -> int:
        """How many calls have a worker."""
        return min(len(self._calls), self.size)

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return len(self._calls) - self.busy

    async def warm_up(self) -> None:
        """Has a worker ready for the first call."""
        self._idle.append(await Worker.start(self._cpu_s))

    async def call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        """The answer of a worker. Raises CallTooLongError; RuntimeError if the worker died."""
        task = asyncio.ensure_future(self._call(method, data))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        # A caller who goes away leaves the worker in mid-call: it has to finish, or it would answer the next call with this.
        return await asyncio.shield(task)

    async def _call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        async with self._turn():
            worker = self._idle.pop() if self._idle else await Worker.start(self._cpu_s)
            if not worker.alive:
                await worker.kill()
                worker = await Worker.start(self._cpu_s)
            try:
                async with asyncio.timeout(self._wall_s):
                    answer = await worker.call(method, data)
            except TimeoutError:
                await worker.kill()
                raise _too_long(f"{self._wall_s:g} s") from None
            except (EOFError, ConnectionError) as error:
                await worker.ended()
                if worker.out_of_time:
                    raise _too_long(f"{self._cpu_s:g} s of CPU time") from None
                raise RuntimeError(f"a worker died in {method}") from error
            except BaseException:
                await worker.kill()
                raise
            self._idle.append(worker)
            return answer

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        with span("queue"):
            await self._permits.acquire()
        try:
            yield
        finally:
            self._permits.release()

    async def close(self) -> None:
        """Ends all workers."""
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for worker in self._idle:
            await worker.kill()
        self._idle.clear()


def _too_long(limit: str) -> CallTooLongError:
    message = f"this took longer than {limit} and was given up: a template, schema or text is too much"
    return CallTooLongError(message, path="")
