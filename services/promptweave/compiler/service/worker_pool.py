"""Worker processes that compile, so that no template and no schema can block or crash the service.

A call has a worker to itself. A worker that takes too long, or dies, is killed and replaced, and its call gets an error. If
the caller leaves (it cancels, disconnects, or its deadline passes), a queued call is dropped, and a running one ends after a
short grace period.
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
"""CPU seconds of one call: on a busy machine it may take longer, and what it learns about a template is not lost.
A render has its own, smaller limit.
"""
WALL_S = 60.0
"""Wall-clock seconds of one call."""

GRACE_S = 0.5
"""Seconds that a call may still take after its caller has left: it may be about to finish, and a worker that is killed costs
more than that to replace.
"""

ENDING_S = 2.0
"""Seconds that a worker whose output has ended may take to exit."""

OK, ONCE, ERROR = b"ok", b"once", b"error"
"""The verdicts of a response. ONCE: it was correct at that moment; a later response to the same call may differ."""

MODULE = "promptweave.compiler.service.worker"


class CallTooLongError(CompilerError):
    """The call timed out."""

    reason = "ERROR_REASON_REQUEST_INVALID"


class Worker:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, cpu_s: float) -> "Worker":
        """Start a worker, which exits if a call takes more CPU time."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, str(os.getpid()), str(cpu_s)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    @property
    def alive(self) -> bool:
        """Return whether it can accept a call."""
        return self._process.returncode is None

    @property
    def out_of_time(self) -> bool:
        """Return whether it exited because a call took too much CPU time."""
        return self._process.returncode == -signal.SIGPROF

    async def call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        """Return the response: a verdict and a message. Raises EOFError or ConnectionError if the process dies."""
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
        """Wait for the exit of a worker whose output has ended, and kill it if it stays.

        `kill` must not come first: it checks whether the process is dead (`Popen.poll`), and if so asyncio does not get the
        exit status.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


class WorkerPool:
    """Up to `size` workers, started on demand."""

    def __init__(
        self, size: int | None = None, *, cpu_s: float = CPU_S, wall_s: float = WALL_S, grace_s: float = GRACE_S
    ) -> None:
        self.size = size or max(4, os.cpu_count() or 1)
        self._permits = asyncio.Semaphore(self.size)
        self._idle: list[Worker] = []
        self._calls: set[asyncio.Task[tuple[bytes, bytes]]] = set()
        self._cpu_s, self._wall_s, self._grace_s = cpu_s, wall_s, grace_s

    @property
    def busy(self) -> int:
        """Return the number of calls that have a worker."""
        return min(len(self._calls), self.size)

    @property
    def waiting(self) -> int:
        """Return the number of calls queued for a worker."""
        return len(self._calls) - self.busy

    async def warm_up(self) -> None:
        """Start a worker for the first call."""
        self._idle.append(await Worker.start(self._cpu_s))

    async def call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        """Return a worker's response. Raises CallTooLongError; RuntimeError if the worker died."""
        started = asyncio.Event()
        task = asyncio.ensure_future(self._call(method, data, started))
        self._calls.add(task)
        task.add_done_callback(self._forget)
        try:
            # Does not cancel the task when gRPC cancels the handler, because the caller has left.
            await asyncio.wait([task])
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(self._grace_s if started.is_set() else 0, task.cancel)
            raise
        return task.result()

    def _forget(self, task: "asyncio.Task[tuple[bytes, bytes]]") -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # Nobody else looks at it if the caller has left.

    async def _call(self, method: str, data: bytes, started: asyncio.Event) -> tuple[bytes, bytes]:
        async with self._turn():
            started.set()
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
        """Stop all workers."""
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for worker in self._idle:
            await worker.kill()
        self._idle.clear()


def _too_long(limit: str) -> CallTooLongError:
    message = f"the request took longer than {limit} and was aborted; simplify its template, schema or text"
    return CallTooLongError(message, path="")
