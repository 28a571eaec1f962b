"""Monitors an external llama.cpp server, which promptweave does not manage."""

import asyncio
import logging

from yarl import URL

from promptweave.common.json_object import JsonObject
from promptweave.errors import PromptweaveError
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.engine.model_identity import SameModelGuard
from promptweave.inference.engine.model_info import ModelInfo, query_model_info
from promptweave.inference.engine.rounds import try_rounds
from promptweave.inference.engine.watchdog import ANSWER_S, Watchdog
from promptweave.inference.errors import EngineUnavailableError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.managed_process import OnReady
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import SlotQueue

logger = logging.getLogger(__name__)

_POLL_S = 1.0
_IDENTITY = ("media_marker", "model_path", "model_alias", "build_info", "total_slots", "chat_template", "modalities")
"""The fields of `/props` that identify a server and its model. The marker differs in each run (builds b11434 to b11549)."""


def endpoints(options: InferenceOptions) -> EngineBalancer:
    """Return a pool of all servers in the options."""
    others = SameModelGuard(options.endpoints)
    return EngineBalancer({_name(url): Endpoint(options, url, others) for url in options.endpoints})


def _name(url: str) -> str:
    """Return the URL without credentials, since metrics expose it."""
    return str(URL(url).with_user(None))


class Endpoint:
    """Polls a server every second for its availability and identity: it may disappear and return with another model."""

    def __init__(self, options: InferenceOptions, url: str, others: SameModelGuard | None = None) -> None:
        """Prepare to poll the server. `others`: the check shared with the other servers, which identifies it by its URL."""
        self._options = options
        self._url = url
        self._others = others or SameModelGuard([url])
        self._ready: ReadyEngine | None = None
        self._identity: JsonObject | None = None
        self._model_info: ModelInfo | None = None
        self.crash_count = 0
        self._problem = f"no response from {self._url} yet"

    def ready(self) -> ReadyEngine:
        """Return the engine, if it is ready now. Raises EngineUnavailableError."""
        if self._ready is None:
            raise EngineUnavailableError(f"the engine is not available: {self._problem}")
        return self._ready

    async def run(self, on_ready: OnReady) -> None:
        """Poll until cancelled."""
        async with EngineClient(self._url, api_key=self._options.endpoint_api_key) as client:
            while True:
                identity = await self._ask(client)
                if identity is None:
                    self._tell(f"{self._url} does not respond, or is loading its model")
                if identity != self._identity:
                    if self._ready:
                        await self._lose(on_ready)
                    self._identity, self._model_info = identity, None
                if identity is not None and self._ready is None and not self._others.must_wait(self._url):
                    await self._meet(client, on_ready)
                self._others.mark_asked(self._url)
                await asyncio.sleep(_POLL_S)

    async def _ask(self, client: EngineClient) -> JsonObject | None:
        """Return what identifies the server, its model and its run. None: it is unavailable; {}: it does not report that."""
        healthy = await (self._ready.watchdog.poll() if self._ready else client.healthy())
        if not healthy:
            return None
        try:
            props = await client.props(timeout_s=ANSWER_S)
        except EngineUnavailableError:
            return None
        except PromptweaveError:
            return {}
        return {name: props[name] for name in _IDENTITY if name in props}

    async def _meet(self, client: EngineClient, on_ready: OnReady) -> None:
        try:
            self._model_info = self._model_info or await query_model_info(
                client, model=None, model_id=self._options.model_id, engine=""
            )
            rounds = await try_rounds(client, self._model_info, fast_forward=self._options.fast_forward)
        except PromptweaveError as error:
            # A wrong key, or not llama.cpp at all: the operator may fix it there, and callers receive the reason.
            self._tell(f"{self._url} responds, but its handshake failed: {error.message}")
            return
        model_info = self._model_info
        if why := self._others.admit(self._url, model_info):
            self._tell(f"{self._url} is excluded: {why}")
            return
        self._ready = ReadyEngine(
            client,
            model_info,
            SlotQueue(model_info.slots, self._options.max_waiting),
            # A new one each time: an operator who stops the server is not a grammar's fault.
            Quarantine(),
            Watchdog(client, self._options.hang_timeout_s),
            rounds=rounds,
        )
        self._problem = ""
        logger.info("%s is ready: %s, %s", self._url, model_info.model_id, model_info.engine)
        await on_ready(True)

    async def _lose(self, on_ready: OnReady) -> None:
        self._ready = None
        self._others.remove(self._url)
        self.crash_count += 1
        await on_ready(False)

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            logger.warning("%s", problem)
            self._problem = problem
