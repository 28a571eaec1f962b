"""A server that is started for an agent and stopped after it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from promptweave.cli.agents.server import NO_KEY, LaunchError, RunningServer
from promptweave.rpc.logs import FORMAT_VARIABLE, complain, tell

_ADDRESSES = (
    *("--host", "127.0.0.1", "--port", "0"),
    *("--compiler-listen", "127.0.0.1:0", "--inference-listen", "127.0.0.1:0"),
)
"""Loopback only, on free ports: another server may run on this machine."""
_REPLACED_VARIABLES = {
    f"PROMPTWEAVE_{name}"
    for name in ("MODEL", "HF_REPO", "HF_FILE", "ENDPOINT", "API_KEY", "API_KEYS_FILE", "TLS_CERT", "TLS_KEY")
}
"""Variables that could contradict the options, the key, or the plain HTTP of this server."""
_STOP_S = 30.0


@contextmanager
def own_server(options: Sequence[str], api_key: str | None, log: Path) -> Iterator[RunningServer]:
    """Run `promptweave serve` with these options, and yield it once it is ready; its stderr goes to the file `log`.

    `api_key`: the key that the server requires; None: it requires none. Raises LaunchError if it does not start.
    """
    command = [sys.executable, "-P", "-m", "promptweave.cli.agents.serve_process", str(os.getpid()), "serve"]
    tell("launch", f"starting promptweave serve; its log is {log}")
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - this program
            [*command, *_ADDRESSES, *options],
            env=_environment(api_key),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            # Ctrl-C is for the agent.
            start_new_session=True,
        )
    try:
        yield RunningServer(_url(process, log), api_key or NO_KEY)
        if process.poll() is not None:
            complain("launch", f"the server exited while the agent was running: {_last_message(log)}")
    finally:
        _stop(process)


def _environment(api_key: str | None) -> dict[str, str]:
    """Return the server's environment. The key is in it because every user can read command lines."""
    environment = {name: value for name, value in os.environ.items() if name not in _REPLACED_VARIABLES}
    return environment | {FORMAT_VARIABLE: "json"} | ({} if api_key is None else {"PROMPTWEAVE_API_KEY": api_key})


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the line that says that the server is ready, and return the URL in it. Raises LaunchError."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            address = urlsplit(json.loads(line)["openai_api"])
        except (ValueError, KeyError, TypeError):
            continue
        return f"{address.scheme}://127.0.0.1:{address.port}"
    raise LaunchError(f"promptweave serve did not start: {_last_message(log)}")


def _last_message(log: Path) -> str:
    """Return the message of the log's last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it logged nothing"
    try:
        return str(json.loads(last)["message"])
    except (ValueError, KeyError, TypeError):
        return last


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server: its services stop when it exits, also if it has to be killed."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
