"""What the service sees of an engine, whoever runs it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from promptweave.inference.client import EngineClient
from promptweave.inference.facts import Facts
from promptweave.inference.gate import Gate
from promptweave.inference.program import Ready_co
from promptweave.inference.pulse import Pulse
from promptweave.inference.quarantine import Quarantine
from promptweave.inference.rounds import Rounds
from promptweave.inference.sessions import Sessions

OnReady = Callable[[bool], Awaitable[None]]
"""Hears when the engine becomes ready, and when it is so no more."""


@dataclass(frozen=True)
class ReadyEngine:
    """An engine with its model loaded. It may go away at any time: calls of `client` then raise EngineUnavailableError."""

    client: EngineClient
    facts: Facts
    gate: Gate
    quarantine: Quarantine
    pulse: Pulse
    sessions: Sessions | None = None
    """None: this engine keeps none."""
    rounds: Rounds = field(default_factory=Rounds)
    since: float = field(default_factory=time.time)
    """When the model was loaded, in seconds of the UNIX epoch."""


class Watched(Protocol[Ready_co]):
    """An engine that is watched over; the argument is what is to be had of it while it is ready."""

    @property
    def losses(self) -> int:
        """How often it was ready and then no more, but for the last time, when it is told to stop."""
        ...

    def ready(self) -> Ready_co:
        """The engine, if it is ready now. Raises EngineUnavailableError, which says what it is doing instead."""
        ...

    async def run(self, on_ready: OnReady) -> None:
        """Watches over it until cancelled. Raises StartError when there is no hope left."""
        ...


class Source(Protocol):
    """What messages are written by: an engine, or whatever chooses one."""

    def ready(self) -> ReadyEngine:
        """The engine for now. Raises EngineUnavailableError."""
        ...


Engine: TypeAlias = Watched[ReadyEngine]
"""One of llama.cpp's."""
