"""Runs a program in a network of its own that has nothing but loopback, where a port leads to a UNIX socket outside.

`python loopback.py SOCKET PORT COMMAND...` is what runs in there, as `isolated` says. It needs Linux, and the right to make
a network namespace: root's, or that of a user namespace.
"""

import fcntl
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
CHUNK = 65_536


def why_not() -> str:
    """Why no network of its own can be made here; "" if it can."""
    if not shutil.which("unshare"):
        return "unshare is not here"
    done = subprocess.run(["unshare", *_flags(), "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def isolated(command: list[str], unix_socket: Path, port: int) -> list[str]:
    """The command line that runs `command` in a network of its own."""
    return ["unshare", *_flags(), sys.executable, "-I", __file__, str(unix_socket), str(port), *command]


def _flags() -> list[str]:
    as_root = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    return ["--net"] if as_root else ["--map-root-user", "--net"]


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | IFF_UP, b""))


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One of them was closed early: so is the other.
        for each in (source, target):
            each.close()


def _relay(listener: socket.socket, unix_socket: str) -> None:
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(unix_socket)
        except OSError:
            client.close()
            continue
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def main() -> int:
    """Relays connections while the command runs; returns its exit code."""
    unix_socket, port, *command = sys.argv[1:]
    _bring_loopback_up()
    listener = socket.create_server(("127.0.0.1", int(port)))
    threading.Thread(target=_relay, args=(listener, unix_socket), daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
