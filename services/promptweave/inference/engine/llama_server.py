"""llama.cpp's server as a supervised program."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.discovery import EngineProgram, find_engine
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llguidance import available
from promptweave.inference.engine.model_file import check_model_file, loaded_part
from promptweave.inference.engine.model_info import ModelInfo, query_model_info, takes_llguidance
from promptweave.inference.engine.rounds import Rounds, try_rounds
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.errors import EngineUnavailableError, StartError
from promptweave.inference.options import EngineOptions
from promptweave.inference.process.launcher import Order
from promptweave.inference.process.listen_address import SOCKET, socket_folder
from promptweave.inference.process.log import EngineLog
from promptweave.inference.process.managed_process import Launch, StartAgainError
from promptweave.inference.process.supervisor import Supervision
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import SlotQueue
from promptweave.inference.sessions.sessions import Sessions
from promptweave.inference.sessions.store import SessionFiles, fingerprint


class LlamaServer:
    """The managed engine for some options, with the state that outlives a single run."""

    name = "engine"

    def __init__(self, options: EngineOptions) -> None:
        """Raise StartError if the model file or the engine is missing."""
        assert options.model is not None
        for file in filter(None, (options.model, options.mmproj)):
            check_model_file(file)
        self._options = options
        self._model = options.model
        self._found: EngineProgram = find_engine(options.engine, options.engine_args)
        self._quarantine = Quarantine()
        self._session_files = _session_files(options, self._found)
        self._llguidance: bool | None = None

    @contextmanager
    def launch(self) -> Iterator[Launch[ReadyEngine]]:
        """Prepare a run that listens on a socket only this user can reach, with a generated API key."""
        options = self._options
        with socket_folder() as folder:
            socket, api_key = str(folder / SOCKET), secrets.token_urlsafe(32)
            order = Order(
                parent=os.getpid(),
                binary=self._found.binary,
                model=str(options.model),
                mmproj=str(options.mmproj) if options.mmproj else None,
                socket=socket,
                api_key=api_key,
                parallel=options.parallel,
                # The slots of engines with a pooling share one context.
                ctx_size=options.ctx_size and options.ctx_size * (1 if options.pooling else options.parallel),
                # The wheel's server concatenates the folder and the file name without a separator.
                slot_save_path=f"{options.session_dir.absolute()}{os.sep}" if options.session_dir else None,
                args=options.engine_args,
                pooling=options.pooling,
            )
            yield Launch(order.to_line(), self._run(socket, api_key))

    def log(self) -> EngineLog:
        """Return the log of one run; its lines have levels."""
        return EngineLog()

    def loaded_part(self, pid: int) -> float | None:
        """Return how much of the model is loaded, 0 to 1, as reported by the kernel."""
        return loaded_part(pid, self._model)

    def describe(self, ready: ReadyEngine) -> str:
        """Return the model, the engine, and its capacity."""
        model_info = ready.model_info
        return (
            f"{model_info.model_id}, {model_info.engine}, {model_info.slots} x {model_info.context_size} tokens of context"
        )

    @asynccontextmanager
    async def _run(self, socket: str, api_key: str) -> AsyncIterator["_ProcessRun"]:
        async with EngineClient("http://engine", api_key=api_key, socket=socket) as client:
            yield _ProcessRun(self, client)

    async def handshake(self, client: EngineClient) -> ReadyEngine:
        """Query everything that has to be known of the engine. Raises InferenceError and StartAgainError."""
        options = self._options
        model_info = await query_model_info(
            client, model=options.model, model_id=options.model_id, engine=self._found.version
        )
        model_info = replace(model_info, llguidance=await self._takes_llguidance(client, model_info))
        sessions = Sessions(client, self._session_files) if self._session_files else None
        return ReadyEngine(
            client,
            model_info,
            SlotQueue(model_info.slots, options.max_waiting),
            self._quarantine,
            Watchdog(client, options.hang_timeout_s),
            sessions,
            Rounds() if options.pooling else await try_rounds(client, model_info, fast_forward=options.fast_forward),
        )

    async def _takes_llguidance(self, client: EngineClient, model_info: ModelInfo) -> bool:
        """Return whether it supports llguidance. Probed once: every run has the same program. Raises StartAgainError."""
        if self._llguidance is None:
            self._llguidance = False  # Stays so if the probe crashes the engine.
            if available() and not model_info.separator and self._options.pooling is None:
                try:
                    self._llguidance = await takes_llguidance(client)
                except EngineUnavailableError:
                    raise StartAgainError("the engine does not support llguidance, only GBNF") from None
        return self._llguidance


class _ProcessRun:
    def __init__(self, server: LlamaServer, client: EngineClient) -> None:
        self._server = server
        self._client = client
        self._ready: ReadyEngine | None = None

    async def healthy(self) -> bool:
        return await self._client.healthy()

    async def handshake(self) -> ReadyEngine:
        self._ready = await self._server.handshake(self._client)
        return self._ready

    async def check(self) -> str | None:
        assert self._ready is not None
        watchdog, quarantine = self._ready.watchdog, self._ready.quarantine
        await watchdog.poll()
        if watchdog.made_progress:
            quarantine.on_progress()
        if hang := watchdog.hang:
            quarantine.on_hang(self._ready.since, at_work=hang.at_work)
            return hang.what
        return None


def _session_files(options: EngineOptions, program: EngineProgram) -> SessionFiles | None:
    if options.session_dir is None or options.model is None:
        return None
    try:
        binary = os.stat(program.binary) if program.binary else None
        version = (binary.st_size, binary.st_mtime_ns) if binary else program.version
        # A state contains images as the projector encoded them.
        projector = [fingerprint(options.mmproj)] if options.mmproj else []
        model = fingerprint(options.model, version, options.ctx_size, options.engine_args, *projector)
    except OSError as error:
        raise StartError(f"cannot read the model file {options.model}: {error.strerror}") from None
    return SessionFiles(options.session_dir, model, max_bytes=options.session_max_bytes, max_age_s=options.session_max_age_s)


class Supervisor(Supervision[ReadyEngine]):
    """The supervision of a llama.cpp server."""

    def __init__(self, options: EngineOptions) -> None:
        """Raise StartError if the model file or the engine is missing."""
        super().__init__(LlamaServer(options), start_timeout_s=options.start_timeout_s, grace_s=options.grace_s)

    def _killed_by_others(self, ready: ReadyEngine) -> None:
        ready.quarantine.clear(ready.since)
