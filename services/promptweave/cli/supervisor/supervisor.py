"""Runs the services of one machine as child processes: started, watched and stopped together."""

import asyncio
import http.client
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from promptweave.cli.supervisor.service_process import LISTENING, Options, order_line
from promptweave.common.tasks import first_of, run_all
from promptweave.compiler.options import CompilerOptions
from promptweave.facade.options import FacadeOptions
from promptweave.inference.options import InferenceOptions
from promptweave.rpc.logs import LEVEL_VARIABLE, as_json, tell

_POLL_S = 0.1
_REPORT_S = 10.0
_STOP_MARGIN_S = 5.0
_QUIET_STOP_S = 1.5
"""A longer shutdown is reported to the user."""
_INTERRUPTED = 130


class ServiceEndedError(Exception):
    """A service exited unexpectedly; `status` is its process's exit status."""

    def __init__(self, name: str, status: int) -> None:
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        super().__init__(f"the {name} {how}; stopped the other services")
        self.status = status


class Service:
    """One service in a child process, in its own process session, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    @classmethod
    async def start(cls, name: str, options: Options) -> "Service":
        """Start the service."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "promptweave.cli.supervisor.service_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            # The terminal shows only what runs where; the variable enables more detailed logs.
            env={LEVEL_VARIABLE: "warning", **os.environ},
        )
        assert process.stdin is not None
        # Left open: when it closes, the child knows that the supervisor is gone.
        process.stdin.write(order_line(options))
        with suppress(ConnectionError):
            await process.stdin.drain()
        return cls(name, process)

    async def address(self) -> str:
        """Return the listen address, once the service listens. Raises ServiceEndedError."""
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        if not line.startswith(LISTENING):
            await self.ended()
        return line.removeprefix(LISTENING).strip()

    async def ended(self) -> NoReturn:
        """Wait until the service exits, which is always an error. Raises ServiceEndedError."""
        raise ServiceEndedError(self.name, await self._process.wait())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if the process is still running."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self, patience_s: float) -> None:
        """Send SIGTERM, then SIGKILL after `patience_s`. The service's own children end with it."""
        self.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), patience_s)
        self.signal(signal.SIGKILL)
        await self._process.wait()


@dataclass(frozen=True)
class Running:
    """The addresses and the model of the running services."""

    openai_api: str
    compiler: str
    inference: str
    model: str
    asks_for_keys: bool
    aliases: tuple[str, ...]

    def screen(self) -> str:
        """Return the text for the terminal."""
        key = "API key required" if self.asks_for_keys else "no API key required"
        also = f", also as {', '.join(self.aliases)}" if self.aliases else ""
        return f"""
promptweave {version("promptweave")}

  OpenAI API   {self.openai_api}   ({key})
  compiler     {self.compiler}   (gRPC)
  inference    {self.inference}   (gRPC)
  model        {self.model}{also}"""


class ServiceSupervisor:
    """Starts, watches and stops compiler, inference service and facade."""

    def __init__(
        self,
        compiler: CompilerOptions,
        inference: InferenceOptions,
        facade: Callable[[str, str], FacadeOptions],
        precache: Path | None = None,
    ) -> None:
        """Take the options. `facade` returns its own for the addresses of the two; `precache` is a file of prompts."""
        self._compiler, self._inference, self._facade = compiler, inference, facade
        self._precache = precache
        self._services: list[Service] = []
        self._stopping = False

    async def run(self, say: Callable[[Running], None]) -> None:
        """Run the services until a stop signal. Calls `say` once they are ready. Raises ServiceEndedError."""
        async with self._stop_signals() as stopped:
            try:
                await first_of(stopped.wait(), self._run(say))
            finally:
                self._stopping = True
                patience = asyncio.get_running_loop().call_later(_QUIET_STOP_S, self._explain_stop)
                # In reverse order: the last one uses the others.
                for service in reversed(self._services):
                    await service.stop(2 * self._inference.grace_s + _STOP_MARGIN_S)
                patience.cancel()

    def _explain_stop(self) -> None:
        tell(
            "serve",
            f"running requests have up to {self._inference.grace_s:g} s to finish; press Ctrl-C again to stop immediately",
        )

    async def _run(self, say: Callable[[Running], None]) -> NoReturn:
        say(await self._start())
        await self._watch()

    async def _start(self) -> Running:
        """Start the services, and return when they are ready. Raises ServiceEndedError."""
        for name, options in (("compiler", self._compiler), ("inference service", self._inference)):
            self._services.append(await Service.start(name, options))
        compiler, inference = await self._addresses(*self._services)
        front = self._facade(compiler, inference)
        key = secrets.token_urlsafe() if front.asks_for_keys else None
        if key:
            # A key for the supervisor's own readiness checks.
            front = replace(front, api_keys=(*front.api_keys, key))
        self._services.append(await Service.start("facade", front))
        (facade,) = await self._addresses(self._services[-1])
        what = " and ".join(self._inference.endpoints) or "the model to load"
        probe = FacadeProbe(facade, key, tls=front.tls_cert is not None)
        model = await first_of(_wait_until_ready(probe, what), self._watch())
        if (await asyncio.to_thread(probe.get, "/props") or {"chat_template": "?"}).get("chat_template") == "":
            tell("serve", NO_TEMPLATE)
        if self._precache:
            await first_of(self._evaluate(self._precache, compiler, inference), self._watch())
        return _running(facade, compiler, inference, model, front)

    async def _evaluate(self, prompts: Path, compiler: str, inference: str) -> None:
        """Evaluate the prompts. Errors are only logged, since requests work without precached prompts, only slower."""
        where = ("--compiler", compiler, "--inference", inference)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "promptweave.cli.main", "precache", str(prompts), *where),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE if as_json() else None,
        )
        try:
            if process.stderr:
                async for line in process.stderr:
                    tell("precache", line.decode(errors="replace"))
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    async def _addresses(self, *services: Service) -> list[str]:
        return await run_all(*(service.address() for service in services))

    async def _watch(self) -> NoReturn:
        """Wait until one of the services exits, which is always an error. Raises ServiceEndedError."""
        await first_of(*(service.ended() for service in self._services))

    @asynccontextmanager
    async def _stop_signals(self) -> AsyncIterator[asyncio.Event]:
        """Yield an event that SIGINT, SIGTERM and SIGHUP set. A second signal kills the services immediately."""
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()

        def hear() -> None:
            if self._stopping:
                for service in self._services:
                    service.signal(signal.SIGKILL)
            stopped.set()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, hear)
        try:
            yield stopped
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


NO_TEMPLATE = (
    "the model has no chat template: chat requests fail; pass --chat-template FILE, or send whole prompts to /v1/completions"
)


async def _wait_until_ready(facade: "FacadeProbe", what: str) -> str:
    """Wait until everything is ready; return the model's name."""
    start = time.monotonic()
    report = start + _REPORT_S
    while True:
        ready = await asyncio.to_thread(facade.get, "/ready")
        if ready and not ready["waiting_for"]:
            models = await asyncio.to_thread(facade.get, "/v1/models")
            if models:
                return str(models["data"][0]["id"])
        if time.monotonic() > report:
            reason = await asyncio.to_thread(facade.problem)
            tell("serve", f"waiting for {what} ({time.monotonic() - start:.0f} s){f': {reason}' if reason else ''}")
            report += _REPORT_S
        await asyncio.sleep(_POLL_S)


class FacadeProbe:
    """Queries the facade that the supervisor started, over HTTP."""

    def __init__(self, address: str, key: str | None, *, tls: bool) -> None:
        self._address, self._tls = _reachable(address), tls
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str) -> Any:
        """Return the JSON response, or None if the status is not 200."""
        status, answer = self._ask(path)
        return answer if status == HTTPStatus.OK else None

    def problem(self) -> str:
        """Return why the model is not available yet, as reported by its service, including loading progress."""
        _, answer = self._ask("/v1/models")
        error = answer.get("error") if isinstance(answer, dict) else None
        return str(error.get("message", "")) if isinstance(error, dict) else ""

    def _ask(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a response; (0, None) if there is none."""
        connection = self._connect()
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            return response.status, json.load(response)
        except (OSError, ValueError):
            return 0, None
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._address, timeout=10)
        # The certificate is for the name that clients use, not for this address.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(self._address, timeout=10, context=context)


def _reachable(address: str) -> str:
    """Return a loopback address for a wildcard listen address."""
    return address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")


def _running(facade: str, compiler: str, inference: str, model: str, options: FacadeOptions) -> Running:
    host, _, port = facade.rpartition(":")
    shown = f"localhost:{port}" if host in ("127.0.0.1", "0.0.0.0", "[::]") else facade  # noqa: S104 - a comparison
    return Running(
        openai_api=f"{'https' if options.tls_cert else 'http'}://{shown}/v1",
        compiler=compiler,
        inference=inference,
        model=model,
        asks_for_keys=options.asks_for_keys,
        aliases=options.aliases,
    )
