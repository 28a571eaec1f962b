"""A call of a service that a proxy breaks off: its client is told to come again, and never of a fault of ours."""

import asyncio

import pytest

from promptweave.errors import Code
from promptweave.facade.backend.clients import ServiceClients
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2
from tests.support.rpc.broken_streams import Breaking, breaking_off, close, end_without_a_status, reset

pytestmark = pytest.mark.anyio

TIMEOUT_S = 60.0
WAYS = [
    pytest.param(reset(0x0), id="NO_ERROR"),
    pytest.param(reset(0x1), id="PROTOCOL_ERROR"),
    pytest.param(reset(0x2), id="INTERNAL_ERROR"),
    pytest.param(reset(0x7), id="REFUSED_STREAM"),
    pytest.param(reset(0x8), id="CANCEL"),
    pytest.param(end_without_a_status, id="end"),
    pytest.param(close, id="close"),
]
MESSAGE = inference_pb2.GenerateResponse(
    events=[inference_pb2.GenerateEvent(delta=output_pb2.OutputDelta(content="so"))]
).SerializeToString()


@pytest.mark.parametrize("message", [None, MESSAGE], ids=["before", "after"])
@pytest.mark.parametrize("how", WAYS)
async def test_a_call_that_breaks_off(how: Breaking, message: bytes | None) -> None:
    read = asyncio.Event()
    async with breaking_off(how, message, read) as address, ServiceClients(address, address) as services:
        request = inference_pb2.GenerateRequest(prompt=prompt_compiler_pb2.CompiledPrompt(prefix_key="p"))
        answer = services.generate(request, TIMEOUT_S)
        if message is not None:
            assert (await anext(answer)).SerializeToString() == message
            read.set()
        with pytest.raises(RemoteError) as raised:
            await anext(answer)
        assert raised.value.code is Code.UNAVAILABLE
        with pytest.raises(RemoteError) as raised:
            await services.tokenize(inference_pb2.TokenizeRequest(text="x"))
        assert raised.value.code is Code.UNAVAILABLE
