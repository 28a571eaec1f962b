"""What the supervisor needs to know of a program that it runs: llama.cpp's server is one, whisper.cpp's another."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from promptweave.inference.process.log import EngineLog

OnReady = Callable[[bool], Awaitable[None]]
"""Hears when the engine becomes ready, and when it is so no more."""


PERIOD_S = 1.0
"""How often to take it."""


Ready = TypeVar("Ready")
Ready_co = TypeVar("Ready_co", covariant=True)


class StartAgainError(Exception):
    """It went down for a reason that will not come again: it is to be started again at once. The text says why."""


class ProcessRun(Protocol[Ready_co]):
    """One run of a program, from outside."""

    async def healthy(self) -> bool:
        """Whether it is there and its model is loaded."""
        ...

    async def handshake(self) -> Ready_co:
        """What is to be known of it, once it is healthy. Raises PromptweaveError where it is of no use, StartAgainError."""
        ...

    async def check(self) -> str | None:
        """Looks after it, once it was met; says what is wrong where it hangs, for a person."""
        ...


@dataclass(frozen=True)
class Launch(Generic[Ready]):
    """A run that can begin."""

    order: bytes
    """The launcher's line of stdin."""
    life: AbstractAsyncContextManager[ProcessRun[Ready]]
    """To be entered when the process is there."""


class ManagedProcess(Protocol[Ready]):
    """A program, and the model that it loads."""

    @property
    def name(self) -> str:
        """What it is called in logs and errors: `engine`."""
        ...

    def launch(self) -> AbstractContextManager[Launch[Ready]]:
        """Makes ready what a run needs, such as an address; it goes with the block, after the process."""
        ...

    def log(self) -> EngineLog:
        """Reads the log of one run."""
        ...

    def loaded_part(self, pid: int) -> float | None:
        """How much of the model a starting process has loaded, 0 to 1. None: not known."""
        ...

    def describe(self, ready: Ready) -> str:
        """What is ready, for the log."""
        ...


class Supervised(Protocol[Ready_co]):
    """An engine that is watched over; the argument is what is to be had of it while it is ready."""

    @property
    def crash_count(self) -> int:
        """How often it was ready and then no more, but for the last time, when it is told to stop."""
        ...

    def ready(self) -> Ready_co:
        """The engine, if it is ready now. Raises EngineUnavailableError, which says what it is doing instead."""
        ...

    async def run(self, on_ready: OnReady) -> None:
        """Watches over it until cancelled. Raises StartError when there is no hope left."""
        ...
