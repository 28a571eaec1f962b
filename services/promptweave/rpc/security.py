"""How the two ends of a gRPC connection know each other: TLS on one side or on both, or a shared token.

`credentials.py` and `bearer_token.py` make of it what gRPC needs; whoever only carries the options needs not load that.
"""

from dataclasses import dataclass
from pathlib import Path


class SecurityError(ValueError):
    """Files that do not do; the text says which and why."""


@dataclass(frozen=True, kw_only=True)
class Security:
    """What one end has. PEM files; each is read again when it changes.

    A server with `cert` and `key` speaks TLS, and one with `ca`, too, lets only those in whose certificate that has signed.
    A client with `ca` trusts what that has signed, and shows `cert` where it has one. The token is the first line of its
    file; it goes over the connection as it is, so without TLS it protects only against mistakes.
    """

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        """Raises SecurityError for halves."""
        if (self.cert is None) != (self.key is None):
            raise SecurityError("a certificate and its key go together: give both, or none")

    @property
    def tls(self) -> bool:
        """Whether the connection is TLS."""
        return self.cert is not None or self.ca is not None


NO_SECURITY = Security()
"""Plain text, and nobody is asked: for services on one machine."""
