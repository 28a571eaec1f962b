"""Client connections, and the limits that both ends share."""

import asyncio
import json
from collections.abc import Iterable, Sequence

import grpc.aio

from promptweave.rpc.bearer_token import client_interceptors
from promptweave.rpc.credentials import channel_credentials
from promptweave.rpc.security import NO_SECURITY, Security

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message, in both directions and on both ends. The library's default for receiving is 4 MiB."""

LIMITS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)

# A peer whose machine or network is down sends nothing, and TCP takes hours to notice. So both ends send pings, with and
# without running calls, and close the connection if a reply takes longer than the ping interval.
_ASK_MS = 20_000
KEEPALIVE = (
    ("grpc.keepalive_time_ms", _ASK_MS),
    # How long a reply may take; `grpc.keepalive_timeout_ms` has no effect below this option's minute (grpcio 1.85).
    ("grpc.http2.ping_timeout_ms", _ASK_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
"""For both ends; a server has to permit pings, too (see `PERMITTED`)."""

PERMITTED = (
    # The library's default is 5 minutes; it closes connections of clients that ping more often.
    ("grpc.http2.min_ping_interval_without_data_ms", _ASK_MS // 2),
)

_OLD_CALLS_S = 600.0
"""How long calls that were started with an old certificate may continue."""

# A name with several addresses (a headless Kubernetes service) is several replicas, used round-robin. A replica that is
# unreachable or stopping has not started the call, so the next one gets it. The library answers CANCELLED to calls that
# arrive just as its server stops (grpcio 1.85). No call is retried once any part of a response has arrived.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.02s",
                    "maxBackoff": "0.2s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
    }
)

_REPLICAS = (("grpc.service_config", _SERVICE_CONFIG), ("grpc.dns_min_time_between_resolutions_ms", 5_000))


def channel(
    address: str,
    credentials: grpc.ChannelCredentials | None = None,
    options: Iterable[tuple[str, str | int]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
) -> grpc.aio.Channel:
    """Open a channel to `host:port` or `unix:/path`, in plaintext without credentials. Set a deadline on every call:
    there is none by default."""
    # The environment's proxy is for the web, never for promptweave's services.
    # If an option is given twice, the library takes the first value.
    options = [*options, *LIMITS, *KEEPALIVE, ("grpc.enable_http_proxy", 0)]
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)
    return grpc.aio.secure_channel(address, credentials, options=options, interceptors=interceptors)


class Connection:
    """A connection to a service, which may have several replicas behind its name; see `channel`."""

    def __init__(self, address: str, security: Security = NO_SECURITY) -> None:
        """Open the channel. Raises SecurityError."""
        self._address = address
        self._credentials, self._interceptors = channel_credentials(security), client_interceptors(security)
        self._used = self._current()
        self._channel = self._open()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def channel(self) -> grpc.aio.Channel:
        """Return the channel; a new one after the certificates have changed."""
        credentials = self._current()
        if credentials is not self._used:
            closing = asyncio.ensure_future(self._channel.close(_OLD_CALLS_S))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._used = credentials
            self._channel = self._open()
        return self._channel

    async def close(self) -> None:
        """Cancel all calls and close the channel."""
        for closing in tuple(self._closing):
            closing.cancel()
        await self._channel.close()

    def _current(self) -> grpc.ChannelCredentials | None:
        return self._credentials.value() if self._credentials else None

    def _open(self) -> grpc.aio.Channel:
        return channel(self._address, self._used, _REPLICAS, self._interceptors)
