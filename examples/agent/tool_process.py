"""Runs a module's tools in their own process, for as long as they are needed."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from openapi_tools import ToolError

START_S = 60.0
STOP_S = 5.0


@asynccontextmanager
async def tool_process(module: str) -> AsyncIterator[tuple[str, str]]:
    """Yield the address of a server of the module's functions, and the token that it requires.

    It has its own process group, which ends with the block, even if a tool hangs. It does not inherit the key of the model's
    API. In every other respect the tools have the user's permissions: use Containerfile for tools that are not trusted.
    """
    token = secrets.token_urlsafe()
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("tool_server.py")),
        module,
        stdout=asyncio.subprocess.PIPE,
        env={**environment, "TOOL_SERVER_TOKEN": token},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_S)
        except TimeoutError as error:
            raise ToolError(f"{module} was not loaded within {START_S:g} s") from error
        if not line:
            raise ToolError(f"{module} cannot be served; what is wrong stands above")
        yield line.decode().strip(), token
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
