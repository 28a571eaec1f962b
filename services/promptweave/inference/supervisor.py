"""Runs an engine of our own, and runs it again when it crashes."""

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from enum import Enum

from promptweave.errors import PromptweaveError
from promptweave.inference.child import Child
from promptweave.inference.client import EngineClient
from promptweave.inference.discovery import EngineProgram, find_engine
from promptweave.inference.engine import OnReady, ReadyEngine
from promptweave.inference.errors import EngineUnavailableError, StartError
from promptweave.inference.facts import Facts, learn, takes_llguidance
from promptweave.inference.gate import Gate
from promptweave.inference.llguidance_guard import available
from promptweave.inference.load_progress import loaded_part
from promptweave.inference.model_file import check_model_file
from promptweave.inference.options import InferenceOptions
from promptweave.inference.pulse import PERIOD_S, Pulse
from promptweave.inference.quarantine import Quarantine
from promptweave.inference.session_files import SessionFiles, fingerprint
from promptweave.inference.sessions import Sessions

logger = logging.getLogger(__name__)

_POLL_S = 0.1
_REPORT_S = 10.0
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_STEADY_S = 10.0
"""An engine that was ready for so long has earned a quick restart: even so often it costs a twentieth of the time."""
_MOST_FAILED_STARTS = 3


class State(Enum):
    """What the engine is doing; the value is how a caller hears it."""

    STOPPED = "is not running"
    STARTING = "is loading the model"
    READY = "is ready"
    WAITING = "went down and is about to be started again"


class _DiedOfQuestionError(Exception):
    """The engine aborted when it was asked for what its build does not have."""


class Supervisor:
    """Owns the engine's process. One task, the one in `run`, changes the state; callers only look.

    | state    | a call gets    | what comes next                                                                  |
    |----------|----------------|----------------------------------------------------------------------------------|
    | STOPPED  | UNAVAILABLE    | STARTING by `run`                                                                |
    | STARTING | UNAVAILABLE    | READY when healthy; died, or too slow: the first time `run` raises, else WAITING |
    | READY    | the engine     | WAITING when it dies; one that hangs (see `pulse.py`) is killed, and so dies     |
    | WAITING  | UNAVAILABLE    | STARTING after 0.5 s, 1 s, 2 s, ... 30 s; `run` raises after 3 failed starts     |

    A first start that failed would fail again, so it is not repeated. Cancelling `run` stops the engine from any state.
    """

    def __init__(self, options: InferenceOptions) -> None:
        """Raises StartError where there is no model file or no engine."""
        assert options.model is not None
        for file in filter(None, (options.model, options.mmproj)):
            check_model_file(file)
        self._options = options
        self._program: EngineProgram = find_engine(options.engine, options.engine_args)
        self._quarantine = Quarantine()
        self._session_files = _session_files(options, self._program)
        self._state = State.STOPPED
        self._since = time.monotonic()
        self._ready: ReadyEngine | None = None
        self._llguidance: bool | None = None
        self.losses = 0
        self.pid: int | None = None
        """The engine's process id, while there is one."""

    def ready(self) -> ReadyEngine:
        """The engine, if it is ready now. Raises EngineUnavailableError."""
        if self._ready is None:
            elapsed = time.monotonic() - self._since
            raise EngineUnavailableError(f"the engine {self._state.value} ({self._progress()}since {elapsed:.0f} s)")
        return self._ready

    async def run(self, on_ready: OnReady) -> None:
        """Runs the engine until cancelled. Raises StartError."""
        delay = _FIRST_DELAY_S
        failed, was_ready = 0, False
        try:
            while True:
                try:
                    steady_s = await self._run_once(on_ready)
                    was_ready, failed = True, 0
                    if steady_s > _STEADY_S:
                        delay = _FIRST_DELAY_S
                except _DiedOfQuestionError:
                    logger.info("the engine has no llguidance: it is started again, and takes GBNF only")
                    continue
                except StartError as error:
                    failed += 1
                    if not was_ready or failed >= _MOST_FAILED_STARTS:
                        raise
                    logger.error("%s", error)
                self._become(State.WAITING)
                logger.warning("starting the engine again in %.1f s", delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY_S)
        finally:
            self._become(State.STOPPED)

    async def _run_once(self, on_ready: OnReady) -> float:
        """One life of the engine, to its end; returns for how many seconds it was ready. Raises StartError."""
        self._become(State.STARTING)
        async with AsyncExitStack() as stack:
            child = await stack.enter_async_context(Child.running(self._program, self._options))
            self.pid = child.pid
            client = await stack.enter_async_context(
                EngineClient("http://engine", api_key=child.api_key, socket=child.socket)
            )
            death = asyncio.create_task(child.wait())
            stack.callback(death.cancel)
            ready = await self._wait_until_ready(child, client, death)
            child.log.quiet = False
            self._become(State.READY, ready)
            logger.info(
                "the engine is ready: %s, %s, %d x %d tokens of context",
                *(ready.facts.model_id, ready.facts.engine, ready.facts.slots, ready.facts.context_size),
            )
            since = time.monotonic()
            try:
                await on_ready(True)
                ending = await self._until_it_dies(child, ready, death)
            finally:
                self._ready = None
                await asyncio.shield(on_ready(False))
            self.losses += 1
            logger.error("the engine died (%s); its last words: %s", ending, child.log.cause() or "none")
            return time.monotonic() - since

    async def _until_it_dies(self, child: Child, ready: ReadyEngine, death: "asyncio.Task[str]") -> str:
        """Watches the engine; says how it ended. One that hangs is killed, so that its calls end as in any crash."""
        while not death.done():
            await ready.pulse.take()
            if ready.pulse.gets_on:
                self._quarantine.gets_on()
            if trouble := ready.pulse.trouble:
                logger.error("the engine hangs: %s; it is replaced", trouble.what)
                self._quarantine.hangs(ready.since, at_work=trouble.at_work)
                child.kill()
                await death
                return f"killed by us: {trouble.what}"
            await asyncio.wait([death], timeout=PERIOD_S)
        return death.result()

    async def _wait_until_ready(self, child: Child, client: EngineClient, death: "asyncio.Task[str]") -> ReadyEngine:
        options, start = self._options, time.monotonic()
        report = start + _REPORT_S
        while not await client.healthy():
            await asyncio.wait([death], timeout=_POLL_S)
            now = time.monotonic()
            if death.done():
                raise StartError(
                    f"the engine ended while it started ({death.result()}): {child.log.cause() or 'it said nothing'}"
                )
            if now - start > options.start_timeout_s:
                raise StartError(f"the engine was not ready after {options.start_timeout_s:g} s")
            if now > report:
                logger.info("the engine is loading the model (%s%.0f s)", self._progress(), now - start)
                report = now + _REPORT_S
        try:
            facts = await learn(client, model=options.model, model_id=options.model_id, engine=self._program.version)
        except EngineUnavailableError:
            raise StartError(f"the engine died just after it started: {child.log.cause() or 'it said nothing'}") from None
        except PromptweaveError as error:
            raise StartError(f"the engine started, but is of no use: {error.message}") from None
        facts = replace(facts, llguidance=await self._takes_llguidance(client, facts))
        pulse = Pulse(client, options.hang_timeout_s)
        sessions = Sessions(client, self._session_files) if self._session_files else None
        return ReadyEngine(client, facts, Gate(facts.slots, options.max_waiting), self._quarantine, pulse, sessions)

    async def _takes_llguidance(self, client: EngineClient, facts: Facts) -> bool:
        """Asked once: the engine is one and the same program in all its lives. Raises _DiedOfQuestionError."""
        if self._llguidance is None:
            self._llguidance = False  # So it is, should the engine die of it.
            if available() and not facts.separator and self._options.pooling is None:
                try:
                    self._llguidance = await takes_llguidance(client)
                except EngineUnavailableError:
                    raise _DiedOfQuestionError from None
        return self._llguidance

    def _progress(self) -> str:
        """How much of the model is loaded, as the beginning of a phrase; "" where there is nothing to say."""
        if self._state is not State.STARTING or self.pid is None or self._options.model is None:
            return ""
        part = loaded_part(self.pid, self._options.model)
        return "" if part is None else f"{part:.0%}, "

    def _become(self, state: State, ready: ReadyEngine | None = None) -> None:
        self._state, self._since, self._ready = state, time.monotonic(), ready


def _session_files(options: InferenceOptions, program: EngineProgram) -> SessionFiles | None:
    if options.session_dir is None or options.model is None:
        return None
    try:
        binary = os.stat(program.binary) if program.binary else None
        version = (binary.st_size, binary.st_mtime_ns) if binary else program.version
        # Pictures are in a state as the projector saw them.
        projector = [fingerprint(options.mmproj)] if options.mmproj else []
        model = fingerprint(options.model, version, options.ctx_size, options.engine_args, *projector)
    except OSError as error:
        raise StartError(f"cannot read the model file {options.model}: {error.strerror}") from None
    return SessionFiles(options.session_dir, model, max_bytes=options.session_max_bytes, max_age_s=options.session_max_age_s)
