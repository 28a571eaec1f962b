"""What the facade is started with."""

from dataclasses import dataclass
from pathlib import Path

from promptweave.rpc.security import NO_SECURITY, Security

DEFAULT_ALIASES = ("gpt-*", "chatgpt-*", "o[1-9]*", "claude-*")
"""OpenAI's and Anthropic's own model names: clients have them built in."""


@dataclass(frozen=True, kw_only=True)
class FacadeOptions:
    """Addresses of the services are `host:port` or `unix:/path`. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free port."""
    compiler: str = "127.0.0.1:50051"
    inference: str = "127.0.0.1:50052"
    routes: Path | None = None
    """A file of models and their addresses; see `backend/routes_file.py`. None: the one model that `inference` has."""
    security: Security = NO_SECURITY
    """How the services are called."""
    api_keys: tuple[str, ...] = ()
    """What clients must send, one of them, as `Authorization: Bearer`. Without any, and no file, nothing is asked for."""
    api_keys_file: Path | None = None
    """More of them, one on each line; read again when it changes."""
    requests_per_minute: int | None = None
    """Of each key; where none is asked for, of each address. None: no limit."""
    concurrent_requests: int | None = None
    """At once, likewise."""
    cors_origins: tuple[str, ...] = ()
    """Web pages that may ask, such as `https://example.org`; `*`: all."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """PEM files; both or none. Without them the API is plain HTTP."""
    access_log: bool = True
    """One line for each request, without its contents."""
    aliases: tuple[str, ...] = DEFAULT_ALIASES
    """More names of the loaded model, with shell wildcards."""
    request_timeout_s: float = 600.0
    """The deadline of a whole request."""
    max_body_bytes: int = 32 * 1024 * 1024
    explorer: bool = True
    """Whether the Prompt Explorer is at `/`."""
    responses_store: str | None = None
    """The file in which responses are kept. None: they are kept in memory."""
    responses_most: int = 10_000
    """How many are kept; 0: none."""
    responses_bytes: int = 256 * 1024 * 1024
    """How much is kept, of all of them."""
    responses_age_s: float = 30 * 86_400.0
    """How long each is kept."""
    grace_s: float = 10.0
    """How long running requests have to end at a stop."""

    @property
    def asks_for_keys(self) -> bool:
        """Whether clients must send a key."""
        return bool(self.api_keys) or self.api_keys_file is not None
