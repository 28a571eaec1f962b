"""What the tests of several packages share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from promptweave.demo.model import write_demo_model
from tests.support.serving import Serving, serving

# The same examples each time, so that a change is judged by what it changes; and no clock. New ones:
# --hypothesis-profile=default
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asyncio alone: grpc.aio knows no other. For the whole session, so that fixtures of any scope may be asynchronous."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def one_loop(anyio_backend: str) -> None:
    """Keeps one event loop for all tests: grpc.aio's poller lives as long as the process, and calls into closed loops."""


@pytest.fixture(scope="session")
def demo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights, for a real engine. It is ready in a fraction of a second."""
    path = tmp_path_factory.mktemp("model") / "demo.gguf"
    write_demo_model(path)
    return path


@pytest.fixture(scope="session")
def served(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Everything on this machine, with four slots of 2,048 tokens. Whoever uses it leaves it as it was."""
    sessions = str(tmp_path_factory.mktemp("sessions"))
    with serving(
        "--model", str(demo_model), "--parallel", "4", "--ctx-size", "2048", "--session-dir", sessions
    ) as everything:
        yield everything


@pytest.fixture(scope="session")
def default_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """What a new user has: `promptweave serve` with the model that comes with it."""
    with serving("--session-dir", str(tmp_path_factory.mktemp("sessions"))) as everything:
        yield everything
