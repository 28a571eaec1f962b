"""What describes a coding agent: its program, the APIs it calls, and how it is configured for one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_MAX_OUTPUT = 8192


class Wire(StrEnum):
    """An API of the server that an agent can call."""

    CHAT = "chat"
    """`/v1/chat/completions`"""
    RESPONSES = "responses"
    """`/v1/responses`"""
    MESSAGES = "messages"
    """`/v1/messages`"""


@dataclass(frozen=True)
class ServedModel:
    """A model of a running server."""

    url: str
    """The server's URL, without `/v1`."""
    api_key: str
    """Never empty: agents reject an empty key, and a server without keys accepts any."""
    model: str
    """The name for the field `model` of requests."""
    context: int
    """The context size in tokens."""

    @property
    def v1(self) -> str:
        """Return the base URL of clients of OpenAI's API."""
        return f"{self.url}/v1"

    @property
    def max_output(self) -> int:
        """Return the maximum tokens of one response: at most a quarter of the context; the rest is for the conversation."""
        return min(_MAX_OUTPUT, max(1, self.context // 4))


@dataclass(frozen=True)
class AgentSetup:
    """The configuration of one run. Nothing in it touches the user's own files."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    """Texts by absolute path, all inside the temporary folder."""
    options: tuple[str, ...] = ()
    """Arguments that precede the user's."""


@dataclass(frozen=True)
class Agent:
    """A coding agent with a program for the terminal."""

    name: str
    title: str
    program: str
    install: str
    """The command that installs it."""
    wires: tuple[Wire, ...]
    """The APIs that it can call; the first is the default."""
    configure: Callable[[ServedModel, Wire, Path], AgentSetup]
    """Returns the configuration for a model, an API and a temporary folder."""
    has_print_option: bool = False
    """Whether `--print` is one of the agent's own options."""
