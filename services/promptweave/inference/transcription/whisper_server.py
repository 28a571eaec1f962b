"""whisper.cpp's server as a supervised program.

Unlike llama.cpp's server, it requires no key, accepts requests from any web page (CORS `*`), and cannot listen on a UNIX
socket. So it listens on a port of 127.0.0.1, below an unguessable path. The path is on its command line: users who may list
this machine's processes can read it.
"""

import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from promptweave.inference.engine.model_file import loaded_part
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.launcher import Command
from promptweave.inference.process.listen_address import LOOPBACK, reserved_port
from promptweave.inference.process.log import WHISPER_STYLE, EngineLog
from promptweave.inference.process.managed_process import Launch
from promptweave.inference.scheduling.slot_queue import SlotQueue
from promptweave.inference.transcription.model_file import WhisperModel, read_whisper_model
from promptweave.inference.transcription.whisper_client import WhisperClient

BINARY = "whisper-server"


@dataclass(frozen=True)
class ReadyWhisper:
    """A whisper server with its model loaded. It may exit at any time, like any engine."""

    client: WhisperClient
    model: WhisperModel
    slot_queue: SlotQueue
    since: float = field(default_factory=time.time)
    """When the model was loaded, in seconds of the UNIX epoch."""

    @property
    def model_id(self) -> str:
        """Return the model's name for clients."""
        return self.model.path.stem


class WhisperServer:
    """The managed whisper server for some options."""

    name = "whisper server"

    def __init__(self, options: InferenceOptions) -> None:
        """Raise StartError if the model file or the server is missing."""
        assert options.whisper_model is not None
        self._options = options
        self._model = read_whisper_model(options.whisper_model)
        self._binary = find_whisper_server(options.whisper_server)

    @contextmanager
    def launch(self) -> Iterator[Launch[ReadyWhisper]]:
        """Prepare a run that listens on a reserved port, below a random path."""
        with reserved_port() as port:
            path = f"/{secrets.token_urlsafe(32)}"
            argv = (
                *(self._binary, "--model", str(self._model.path), "--host", LOOPBACK, "--port", str(port)),
                # No folder of the machine is served.
                *("--request-path", path, "--public", os.devnull),
                *self._options.whisper_args,
            )
            yield Launch(Command(os.getpid(), argv).to_line(), self._run(f"http://{LOOPBACK}:{port}{path}"))

    def log(self) -> EngineLog:
        """Return the log of one run; its lines have no levels."""
        return EngineLog("whisper", WHISPER_STYLE)

    def loaded_part(self, pid: int) -> float | None:
        """Return how much of the model is loaded, 0 to 1, as reported by the kernel."""
        return loaded_part(pid, self._model.path)

    def describe(self, ready: ReadyWhisper) -> str:
        """Return the model's name."""
        return ready.model_id

    @asynccontextmanager
    async def _run(self, url: str) -> AsyncIterator["_ProcessRun"]:
        async with WhisperClient(url) as client:
            yield _ProcessRun(client, self._model, self._options)


class _ProcessRun:
    def __init__(self, client: WhisperClient, model: WhisperModel, options: InferenceOptions) -> None:
        self._client = client
        self._model = model
        self._options = options
        self._watchdog: Watchdog | None = None

    async def healthy(self) -> bool:
        return await self._client.healthy()

    async def handshake(self) -> ReadyWhisper:
        self._watchdog = Watchdog(self._client, self._options.hang_timeout_s)
        # It processes one file at a time, and its own queue is unbounded.
        return ReadyWhisper(self._client, self._model, SlotQueue(1, self._options.max_waiting))

    async def check(self) -> str | None:
        assert self._watchdog is not None
        await self._watchdog.poll()
        return self._watchdog.hang.what if self._watchdog.hang else None


def find_whisper_server(named: str | None) -> str:
    """Return the path of the program: the given one, or the one on PATH. Raises StartError."""
    found = shutil.which(os.path.expanduser(named or BINARY))
    if found:
        return found
    if named:
        raise StartError(f"--whisper-server: {named} is not an executable program")
    raise StartError(f"whisper.cpp's server is required; put {BINARY} on PATH, or set --whisper-server PATH")
