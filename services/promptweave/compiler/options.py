"""What the compiler is started with."""

from dataclasses import dataclass

from promptweave.rpc.security import NO_SECURITY, Security


@dataclass(frozen=True, kw_only=True)
class CompilerOptions:
    """`listen`: `host:port` (port 0: any) or `unix:/path`. `metrics`: `host:port`; None: nowhere.
    `grace_s`: how long running calls have to end at a stop.
    """

    listen: str = "127.0.0.1:50051"
    metrics: str | None = None
    grace_s: float = 10.0
    security: Security = NO_SECURITY
    """TLS, and who may call."""
