"""Options of the compiler process."""

from dataclasses import dataclass

from promptweave.rpc.security import NO_SECURITY, Security


@dataclass(frozen=True, kw_only=True)
class CompilerOptions:
    """Options of the compiler process.

    `listen`: `host:port` (port 0: any) or `unix:/path`. `metrics`: `host:port`; None: no metrics endpoint.
    `grace_s`: seconds that running calls have to finish at shutdown.
    """

    listen: str = "127.0.0.1:50051"
    metrics: str | None = None
    grace_s: float = 10.0
    security: Security = NO_SECURITY
    """TLS and client authorization."""
