"""What the tests of several packages share."""

from pathlib import Path

import pytest

from promptweave.demo.model import write_demo_model


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asyncio alone: grpc.aio knows no other. For the whole session, so that fixtures of any scope may be asynchronous."""
    return "asyncio"


@pytest.fixture(scope="session")
def demo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights, for a real engine. It is ready in a fraction of a second."""
    path = tmp_path_factory.mktemp("model") / "demo.gguf"
    write_demo_model(path)
    return path
