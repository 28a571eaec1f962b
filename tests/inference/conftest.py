"""Engines that the tests of a module, or of all modules, share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.fake_llama_server import install
from tests.support.inference.in_process import calling, options, watched


@pytest.fixture(scope="session")
async def engine(anyio_backend: str, demo_model: Path) -> AsyncIterator[Supervisor]:
    """A real engine with two slots of 512 tokens. Whoever uses it leaves it as it was."""
    supervisor = Supervisor(options(demo_model))
    async with watched(supervisor):
        yield supervisor


@pytest.fixture(scope="session")
async def stub(engine: Supervisor) -> AsyncIterator[InferenceServiceStub]:
    """The service of `engine`."""
    async with calling(engine) as stub:
        yield stub


@pytest.fixture
def fake(tmp_path: Path) -> str:
    """The program that misbehaves."""
    return install(tmp_path)
