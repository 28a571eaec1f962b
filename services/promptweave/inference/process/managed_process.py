"""The supervisor's interface to a program that it runs, such as the servers of llama.cpp and whisper.cpp."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from promptweave.inference.process.log import EngineLog

OnReady = Callable[[bool], Awaitable[None]]
"""Called when the engine becomes ready, and when it is no longer ready."""


PERIOD_S = 1.0
"""Interval between checks of a ready program, in seconds."""


Ready = TypeVar("Ready")
Ready_co = TypeVar("Ready_co", covariant=True)


class StartAgainError(Exception):
    """The program exited for a reason that will not recur: restart it at once. The text states why."""


class ProcessRun(Protocol[Ready_co]):
    """One run of a program, seen from outside."""

    async def healthy(self) -> bool:
        """Return whether it responds and its model is loaded."""
        ...

    async def handshake(self) -> Ready_co:
        """Query what has to be known of it, once healthy. Raises PromptweaveError if it is unusable, StartAgainError."""
        ...

    async def check(self) -> str | None:
        """Check it, after the handshake; return what is wrong if it hangs, for log messages."""
        ...


@dataclass(frozen=True)
class Launch(Generic[Ready]):
    """A run that is prepared."""

    order: bytes
    """The launcher's line of stdin."""
    run: AbstractAsyncContextManager[ProcessRun[Ready]]
    """To be entered when the process has started."""


class ManagedProcess(Protocol[Ready]):
    """A program, and the model that it loads."""

    @property
    def name(self) -> str:
        """Return its name in logs and errors: `engine`."""
        ...

    def launch(self) -> AbstractContextManager[Launch[Ready]]:
        """Prepare what a run needs, such as an address; it is released at the end of the block, after the process."""
        ...

    def log(self) -> EngineLog:
        """Return a reader for the log of one run."""
        ...

    def loaded_part(self, pid: int) -> float | None:
        """Return how much of the model a starting process has loaded, 0 to 1. None: unknown."""
        ...

    def describe(self, ready: Ready) -> str:
        """Return a description of what is ready, for the log."""
        ...


class Supervised(Protocol[Ready_co]):
    """A supervised engine; the type argument is what it provides while it is ready."""

    @property
    def crash_count(self) -> int:
        """Return how often it stopped being ready, except for the last time, when it is told to stop."""
        ...

    def ready(self) -> Ready_co:
        """Return the engine, if it is ready now. Raises EngineUnavailableError, which reports what it is doing instead."""
        ...

    async def run(self, on_ready: OnReady) -> None:
        """Supervise it until cancelled. Raises StartError when further restarts are pointless."""
        ...
