"""The facade's options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from promptweave.rpc.security import NO_SECURITY, Security

DEFAULT_ALIASES = ("gpt-*", "chatgpt-*", "o[1-9]*", "codex-*", "claude-*")
"""OpenAI's and Anthropic's own model names, which are built into clients."""


RepeatedCalls = Literal["warn", "prevent"]
UnusableImages = Literal["error", "placeholder"]


@dataclass(frozen=True, kw_only=True)
class FacadeOptions:
    """Addresses of the services are `host:port` or `unix:/path`. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free port."""
    compiler: str = "127.0.0.1:50051"
    inference: str = "127.0.0.1:50052"
    chat_template: Path | None = None
    """A file with the chat template of the single model of `inference`, in place of its own; reloaded when it changes."""
    routes: Path | None = None
    """A file of models and their addresses; see `backend/routes_file.py`. None: the single model of `inference`."""
    security: Security = NO_SECURITY
    """The security of the calls to the services."""
    api_keys: tuple[str, ...] = ()
    """API keys, one of which clients must send as `Authorization: Bearer`. Without any, and no file, no key is required."""
    api_keys_file: Path | None = None
    """A file with more of them, one per line; reloaded when it changes."""
    requests_per_minute: int | None = None
    """For each key, or for each address without keys. None: no limit."""
    concurrent_requests: int | None = None
    """Concurrent requests, counted in the same way."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the API, such as `https://example.org`; `*`: all."""
    allowed_hosts: tuple[str, ...] = ()
    """Without keys: names that clients may use for the server (`Host`), beside local names and addresses; `*`: all."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """PEM files; both or none. Without them the API is plain HTTP."""
    access_log: bool = True
    """One line per request, without its contents."""
    aliases: tuple[str, ...] = DEFAULT_ALIASES
    """Additional names of the loaded model, with shell wildcards."""
    unusable_images: UnusableImages = "error"
    """Images that cannot be used, or that the model does not accept: an error, or a text in their place."""
    repeated_calls: RepeatedCalls = "warn"
    """What happens if a conversation ends with the same call and result three times, unless the request says it."""
    think_first: bool = False
    """Whether the model reasons before a call or a formatted answer in any case, unless the request says it."""
    request_timeout_s: float = 600.0
    """The deadline of a complete request."""
    max_body_bytes: int = 32 * 1024 * 1024
    explorer: bool = True
    """Whether the Prompt Explorer is at `/`."""
    responses_store: str | None = None
    """The file that stores responses. None: they are stored in memory."""
    responses_most: int = 10_000
    """Maximum number of stored responses; 0: none."""
    responses_bytes: int = 256 * 1024 * 1024
    """Maximum size of all stored responses together."""
    responses_age_s: float = 30 * 86_400.0
    """How long each response is stored."""
    grace_s: float = 10.0
    """How long running requests have to end at a stop."""

    @property
    def asks_for_keys(self) -> bool:
        """Return whether clients must send a key."""
        return bool(self.api_keys) or self.api_keys_file is not None
