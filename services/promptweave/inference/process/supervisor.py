"""Runs a managed program, and restarts it when it crashes."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from enum import Enum
from typing import Generic

from promptweave.common.tasks import task_scope
from promptweave.errors import PromptweaveError
from promptweave.inference.errors import EngineUnavailableError, StartError
from promptweave.inference.process.child import Child
from promptweave.inference.process.managed_process import (
    PERIOD_S,
    ManagedProcess,
    OnReady,
    ProcessRun,
    Ready,
    StartAgainError,
)

logger = logging.getLogger(__name__)

_POLL_S = 0.1
_REPORT_S = 10.0
_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 30.0
_STEADY_S = 10.0
"""A program that was ready for longer than this is restarted quickly: at worst, that costs a twentieth of the time."""
_MAX_FAILED_STARTS = 3


class State(Enum):
    """The state of the program; the value is the wording that callers receive."""

    STOPPED = "is not running"
    STARTING = "is loading the model"
    READY = "is ready"
    WAITING = "exited and is about to be restarted"


class Supervision(Generic[Ready]):
    """Owns a program's process. Only the task in `run` changes the state; callers read it.

    | state    | a call gets    | what comes next                                                                  |
    |----------|----------------|----------------------------------------------------------------------------------|
    | STOPPED  | UNAVAILABLE    | STARTING by `run`                                                                |
    | STARTING | UNAVAILABLE    | READY when healthy; died, or too slow: the first time `run` raises, else WAITING |
    | READY    | the program    | WAITING when it dies; one that hangs (see `engine/watchdog.py`) is killed |
    | WAITING  | UNAVAILABLE    | STARTING after 0.5 s, 1 s, 2 s, ... 30 s; `run` raises after 3 failed starts     |

    A first start that failed would fail again, so it is not repeated. Cancelling `run` stops the program from any state.
    """

    def __init__(self, program: ManagedProcess[Ready], *, start_timeout_s: float, grace_s: float) -> None:
        self._program = program
        self._name = f"the {program.name}"
        self._start_timeout_s = start_timeout_s
        self._grace_s = grace_s
        self._state = State.STOPPED
        self._since = time.monotonic()
        self._ready: Ready | None = None
        self.crash_count = 0
        self.pid: int | None = None
        """The program's process id, once it has started."""

    @property
    def is_ready(self) -> bool:
        """Return whether the program is ready now."""
        return self._ready is not None

    def ready(self) -> Ready:
        """Return the program, if it is ready now. Raises EngineUnavailableError."""
        if self._ready is None:
            elapsed = time.monotonic() - self._since
            raise EngineUnavailableError(f"{self._name} {self._state.value} ({self._progress()}for {elapsed:.0f} s)")
        return self._ready

    async def run(self, on_ready: OnReady) -> None:
        """Run the program until cancelled. Raises StartError."""
        delay = _FIRST_DELAY_S
        failed, was_ready = 0, False
        try:
            while True:
                try:
                    steady_s = await self._run_once(on_ready)
                    was_ready, failed = True, 0
                    if steady_s > _STEADY_S:
                        delay = _FIRST_DELAY_S
                except StartAgainError as reason:
                    logger.info("%s; restarting it", reason)
                    continue
                except StartError as error:
                    failed += 1
                    if not was_ready or failed >= _MAX_FAILED_STARTS:
                        raise
                    logger.error("%s", error)
                self._become(State.WAITING)
                logger.warning("restarting %s in %.1f s", self._name, delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _MAX_DELAY_S)
        finally:
            self._become(State.STOPPED)

    async def _run_once(self, on_ready: OnReady) -> float:
        """Run the program once, until it exits; return for how many seconds it was ready. Raises StartError."""
        self._become(State.STARTING)
        async with AsyncExitStack() as stack:
            launch = stack.enter_context(self._program.launch())
            running = Child.running(launch.order, self._program.log(), grace_s=self._grace_s)
            child = await stack.enter_async_context(running)
            self.pid = child.pid
            run = await stack.enter_async_context(launch.run)
            (death,) = await stack.enter_async_context(task_scope(child.wait()))
            ready = await self._wait_until_ready(child, run, death)
            child.log.quiet = False
            self._become(State.READY, ready)
            logger.info("%s is ready: %s", self._name, self._program.describe(ready))
            since = time.monotonic()
            try:
                await on_ready(True)
                ending = await self._until_it_dies(child, run, death)
            finally:
                self._ready = None
                await asyncio.shield(on_ready(False))
            if child.killed_by_others:
                self._killed_by_others(ready)
            self.crash_count += 1
            logger.error("%s exited (%s); its last error: %s", self._name, ending, child.log.cause() or "none")
            return time.monotonic() - since

    async def _until_it_dies(self, child: Child, run: ProcessRun[Ready], death: "asyncio.Task[str]") -> str:
        """Monitor the program; return how it ended. One that hangs is killed, so that its calls end as in any crash."""
        while not death.done():
            if hang := await run.check():
                logger.error("%s hangs: %s; replacing it", self._name, hang)
                child.kill()
                await death
                return f"killed by promptweave: {hang}"
            await asyncio.wait([death], timeout=PERIOD_S)
        return death.result()

    async def _wait_until_ready(self, child: Child, run: ProcessRun[Ready], death: "asyncio.Task[str]") -> Ready:
        start = time.monotonic()
        report = start + _REPORT_S
        while not await run.healthy():
            await asyncio.wait([death], timeout=_POLL_S)
            now = time.monotonic()
            if death.done():
                raise StartError(
                    f"{self._name} exited during startup ({death.result()}): {child.log.cause() or 'no error output'}"
                )
            if now - start > self._start_timeout_s:
                raise StartError(f"{self._name} was not ready after {self._start_timeout_s:g} s; increase --startup-timeout")
            if now > report:
                logger.info("%s is loading the model (%s%.0f s)", self._name, self._progress(), now - start)
                report = now + _REPORT_S
        try:
            return await run.handshake()
        except EngineUnavailableError:
            raise StartError(f"{self._name} exited just after startup: {child.log.cause() or 'no error output'}") from None
        except PromptweaveError as error:
            raise StartError(f"{self._name} started but its handshake failed: {error.message}") from None

    def _killed_by_others(self, ready: Ready) -> None:
        """Handle an end from outside, which was not caused by what the program was doing."""

    def _progress(self) -> str:
        """Return how much of the model is loaded, as the beginning of a phrase; "" if that is unknown."""
        if self._state is not State.STARTING or self.pid is None:
            return ""
        part = self._program.loaded_part(self.pid)
        return "" if part is None else f"{part:.0%}, "

    def _become(self, state: State, ready: Ready | None = None) -> None:
        self._state, self._since, self._ready = state, time.monotonic(), ready
