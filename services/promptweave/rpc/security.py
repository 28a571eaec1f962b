"""How the two ends of a gRPC connection authenticate each other: TLS on one side or on both, or a shared token.

`credentials.py` and `bearer_token.py` turn these options into gRPC objects; code that only passes them on does not need to
load those modules.
"""

from dataclasses import dataclass
from pathlib import Path


class SecurityError(ValueError):
    """Unusable security files; the text says which, and why."""


@dataclass(frozen=True, kw_only=True)
class Security:
    """The security options of one end. PEM files; each is reloaded when it changes.

    A server with `cert` and `key` uses TLS; with `ca` it also requires client certificates that this CA has signed. A client
    with `ca` trusts certificates that it has signed, and presents `cert` if it has one. The token is the only word in its
    file; it is sent as plain text, so without TLS it protects only against mistakes.
    """

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        """Check that a certificate and its key are given together. Raises SecurityError."""
        if (self.cert is None) != (self.key is None):
            raise SecurityError("a certificate and its key must be given together")

    @property
    def tls(self) -> bool:
        """Return whether the connection uses TLS."""
        return self.cert is not None or self.ca is not None


NO_SECURITY = Security()
"""Plaintext without authentication: for services on one machine."""
