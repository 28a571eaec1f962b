"""The service's view of an engine, managed or external."""

import time
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import Rounds
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.process.managed_process import Supervised
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import SlotQueue
from promptweave.inference.sessions.sessions import Sessions


@dataclass(frozen=True)
class ReadyEngine:
    """An engine with its model loaded. It may exit at any time: calls of `client` then raise EngineUnavailableError."""

    client: EngineClient
    model_info: ModelInfo
    slot_queue: SlotQueue
    quarantine: Quarantine
    watchdog: Watchdog
    sessions: Sessions | None = None
    """None: this engine has no sessions."""
    rounds: Rounds = field(default_factory=Rounds)
    since: float = field(default_factory=time.time)
    """When the model was loaded, in seconds of the UNIX epoch."""


class Source(Protocol):
    """A source of engines to generate messages with: one engine, or a balancer that chooses one."""

    def ready(self) -> ReadyEngine:
        """Return the engine to use now. Raises EngineUnavailableError."""
        ...


Engine: TypeAlias = Supervised[ReadyEngine]
"""A llama.cpp server, managed or external."""
