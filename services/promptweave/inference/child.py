"""One run of an engine in a child process: start it, read its log, stop it."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from promptweave.inference.discovery import EngineProgram
from promptweave.inference.engine_log import EngineLog
from promptweave.inference.launcher import Order
from promptweave.inference.options import InferenceOptions
from promptweave.inference.socket_folder import SOCKET, socket_folder

_LONGEST_LINE = 1 << 16


class Child:
    """A running engine. It has a session of its own: a Ctrl-C at the terminal reaches only us, and we stop it in order."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, api_key: str) -> None:
        self._process = process
        self.socket = str(folder / SOCKET)
        self.api_key = api_key
        self.log = EngineLog()
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    @asynccontextmanager
    async def running(cls, program: EngineProgram, options: InferenceOptions) -> AsyncIterator["Child"]:
        """Starts the engine, and ends it with the block. It is up as a process only: ask its socket whether it serves."""
        with socket_folder() as folder:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "promptweave.inference.launcher"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            child = cls(process, folder, secrets.token_urlsafe(32))
            try:
                await child._order(program, options)
                yield child
            finally:
                await child._stop(options.grace_s)

    async def _order(self, program: EngineProgram, options: InferenceOptions) -> None:
        order = Order(
            parent=os.getpid(),
            binary=program.binary,
            model=str(options.model),
            mmproj=str(options.mmproj) if options.mmproj else None,
            socket=self.socket,
            api_key=self.api_key,
            parallel=options.parallel,
            # Engines with a pooling let their slots share one context.
            ctx_size=options.ctx_size and options.ctx_size * (1 if options.pooling else options.parallel),
            # The wheel's server puts the two together as they are.
            slot_save_path=f"{options.session_dir.absolute()}{os.sep}" if options.session_dir else None,
            args=options.engine_args,
            pooling=options.pooling,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(order.to_line())
        # It may be dead already: the one who waits for it finds out.
        with suppress(ConnectionError):
            await self._process.stdin.drain()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self) -> None:
        """Ends it at once, with all that it started."""
        self._signal(signal.SIGKILL)

    async def wait(self) -> str:
        """Waits for its end; says how it ended, for a person."""
        status = await self._process.wait()
        await asyncio.wait([self._reading], timeout=1)
        if status == -signal.SIGKILL:
            return "killed by SIGKILL, as the kernel does when memory runs out"
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    async def _stop(self, grace_s: float) -> None:
        """Ends it and all that it started: SIGTERM, `grace_s` seconds, SIGKILL."""
        try:
            if self._process.returncode is None:
                self._signal(signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_s):
                        await self._process.wait()
        finally:
            # What it started has its group, too. And whoever cancels us gets no engine left behind.
            self.kill()
            self._reading.cancel()
            if self._process.stdin:
                self._process.stdin.close()
            await asyncio.shield(self._process.wait())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _read_log(self) -> None:
        """Always reads on: an engine whose pipe is full stands still."""
        assert self._process.stdout is not None
        pending = b""
        while piece := await self._process.stdout.read(_LONGEST_LINE):
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                self.log.note(line.decode(errors="replace"))
            if len(pending) > _LONGEST_LINE:
                pending = b""
        if pending:
            self.log.note(pending.decode(errors="replace"))
