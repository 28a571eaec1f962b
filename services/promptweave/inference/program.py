"""What the supervisor needs to know of a program that it runs: llama.cpp's server is one, whisper.cpp's another."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from promptweave.inference.engine_log import EngineLog

Ready = TypeVar("Ready")
Ready_co = TypeVar("Ready_co", covariant=True)


class StartAgainError(Exception):
    """It went down for a reason that will not come again: it is to be started again at once. The text says why."""


class Life(Protocol[Ready_co]):
    """One run of a program, from outside."""

    async def healthy(self) -> bool:
        """Whether it is there and its model is loaded."""
        ...

    async def meet(self) -> Ready_co:
        """What is to be known of it, once it is healthy. Raises PromptweaveError where it is of no use, StartAgainError."""
        ...

    async def trouble(self) -> str | None:
        """Looks after it, once it was met; says what is wrong where it hangs, for a person."""
        ...


@dataclass(frozen=True)
class Launch(Generic[Ready]):
    """A run that can begin."""

    order: bytes
    """The launcher's line of stdin."""
    life: AbstractAsyncContextManager[Life[Ready]]
    """To be entered when the process is there."""


class Program(Protocol[Ready]):
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
