"""The service's view of an engine, managed or external."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import Rounds
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.process.managed_process import Supervised
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import Caller, SlotQueue
from promptweave.inference.sessions.sessions import SessionLease, SessionRef, Sessions


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

    @asynccontextmanager
    async def lease(self, caller: Caller, grammar: str | None, session: SessionRef | None) -> AsyncIterator["EngineLease"]:
        """Wait for the message's turn: in its session, in the queue for a slot, and among messages with suspect grammars.

        `grammar`: all its grammars, as one text. Raises OverloadedError and UnsupportedError.
        """
        async with (
            SessionLease.taken(self.sessions, session) as turn,
            self.slot_queue.slot(caller),
            self.quarantine.serialize_suspect(grammar),
        ):
            yield EngineLease(self, grammar, turn)


@dataclass(frozen=True)
class EngineLease:
    """A message's right to one of the engine's slots."""

    engine: ReadyEngine
    grammar: str | None
    session: SessionLease

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Reserve the slot to generate in, while the use of the grammar is tracked; see `SessionLease.slot`.

        Raises GrammarQuarantinedError and InferenceError.
        """
        async with self.session.slot() as slot:
            with self.engine.quarantine.track(self.grammar, self.engine.since):
                yield slot


class EngineSource(Protocol):
    """A source of engines to generate messages with: one engine, or a balancer that chooses one."""

    def ready(self) -> ReadyEngine:
        """Return the engine to use now. Raises EngineUnavailableError."""
        ...


Engine: TypeAlias = Supervised[ReadyEngine]
"""A llama.cpp server, managed or external."""
