"""An HTTP/2 server that interrupts calls, as proxies do, with the few frames of RFC 9113 that this takes."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0x0, 0x1, 0x3, 0x4, 0x6
ACK, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4

OK_HEADERS = b"\x88" + b"\x0f\x10" + b"\x10application/grpc"
"""In HPACK (RFC 7541): `:status: 200`, and a literal `content-type` (31 of the static table)."""

Breaking = Callable[[int, asyncio.StreamWriter], None]
"""How a stream of this number ends."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def reset(code: int) -> Breaking:
    """RST_STREAM with an error code, of section 7."""
    return lambda stream, writer: writer.write(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))


def end_without_a_status(stream: int, writer: asyncio.StreamWriter) -> None:
    writer.write(frame(DATA, END_STREAM, stream))


def close(stream: int, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def breaking_off(how: Breaking, message: bytes | None, read: asyncio.Event) -> AsyncIterator[str]:
    """The address of a server whose every answer breaks off: before its first byte, or after a message that was `read`."""
    connections: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[writer] = asyncio.current_task()
        try:
            await reader.readexactly(len(PREFACE))
            writer.write(frame(SETTINGS, 0, 0))
            while not writer.is_closing():
                head = await reader.readexactly(9)
                kind, flags = head[3], head[4]
                (stream,) = struct.unpack(">I", head[5:])
                payload = await reader.readexactly(int.from_bytes(head[:3]))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
                if kind in (HEADERS, DATA) and flags & END_STREAM:
                    if message is not None:
                        writer.write(frame(HEADERS, END_HEADERS, stream, OK_HEADERS))
                        writer.write(frame(DATA, 0, stream, b"\0" + struct.pack(">I", len(message)) + message))
                        await read.wait()
                    how(stream, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        for writer in connections:
            writer.close()
        await asyncio.gather(*filter(None, connections.values()), return_exceptions=True)
