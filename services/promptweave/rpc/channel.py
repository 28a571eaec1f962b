"""How clients connect, and the limits that both ends share."""

import grpc.aio

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message, both ways and on both ends. The library's own limit for receiving is 4 MiB."""

LIMITS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


def channel(address: str) -> grpc.aio.Channel:
    """A channel to `host:port` or `unix:/path`, without TLS. Set a deadline on every call: there is none by default."""
    # A proxy of the environment is for the web, never for our services.
    return grpc.aio.insecure_channel(address, options=[*LIMITS, ("grpc.enable_http_proxy", 0)])
