"""Engines with real weights, which the tests of words share."""

from collections.abc import AsyncIterator

import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.options import InferenceOptions
from tests.support.inference.in_process import watched
from tests.support.models.real_models import QWEN_CODER, SMOLLM2, real_model


@pytest.fixture(scope="session")
async def smollm2(anyio_backend: str) -> AsyncIterator[Supervisor]:
    """SmolLM2-135M-Instruct."""
    supervisor = Supervisor(InferenceOptions(model=real_model(SMOLLM2), ctx_size=2048))
    async with watched(supervisor):
        yield supervisor


@pytest.fixture(scope="session")
async def qwen_coder(anyio_backend: str) -> AsyncIterator[Supervisor]:
    """Qwen2.5-Coder-0.5B-Instruct."""
    supervisor = Supervisor(InferenceOptions(model=real_model(QWEN_CODER), ctx_size=2048))
    async with watched(supervisor):
        yield supervisor
