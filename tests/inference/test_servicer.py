"""The service beside Generate: the model, tokens, health, reflection, and what is not served."""

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from promptweave.demo.model import demo_template
from promptweave.errors import Code
from promptweave.inference import main
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.rpc.channel import channel
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.v1 import inference_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, listening, options

pytestmark = pytest.mark.anyio

NAME = "promptweave.v1.InferenceService"


async def test_the_model(stub: InferenceServiceStub) -> None:
    first = (await stub.GetModel(inference_pb2.GetModelRequest(), timeout=LONG_S)).model
    assert (first.id, first.context_size, first.slots) == ("demo", 512, 2)
    assert first.template.source == demo_template()
    assert first.template.eos_token == "<|im_end|>"
    assert list(first.dialects) == [
        prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF,
        prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE,
    ]
    assert first.created.seconds > 1_700_000_000
    assert first == (await stub.GetModel(inference_pb2.GetModelRequest(), timeout=LONG_S)).model


@pytest.mark.parametrize(
    ("given", "count"),
    [
        pytest.param({"text": ""}, 0, id="nothing"),
        pytest.param({"text": "x😀"}, 5, id="bytes"),
        pytest.param({"text": "<|im_end|>"}, 10, id="special-as-text"),
        pytest.param({"text": "<|im_end|>", "parse_special": True}, 1, id="special"),
        pytest.param({"text": "x", "add_special": True}, 1, id="no-bos-here"),
    ],
)
async def test_tokenize_and_back(stub: InferenceServiceStub, given: dict[str, Any], count: int) -> None:
    tokens = (await stub.Tokenize(inference_pb2.TokenizeRequest(**given), timeout=LONG_S)).tokens
    assert len(tokens) == count
    back = await stub.Detokenize(inference_pb2.DetokenizeRequest(tokens=tokens), timeout=LONG_S)
    assert back.text == given["text"]


async def test_half_a_character_is_told_as_such(stub: InferenceServiceStub) -> None:
    tokens = (await stub.Tokenize(inference_pb2.TokenizeRequest(text="x😀"), timeout=LONG_S)).tokens
    back = await stub.Detokenize(inference_pb2.DetokenizeRequest(tokens=tokens[:3]), timeout=LONG_S)
    assert back.text.startswith("x\ufffd")


@pytest.mark.parametrize("token", [-1, 100_000, 2**31 - 1, -(2**31)])
async def test_tokens_that_there_are_not(stub: InferenceServiceStub, token: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Detokenize(inference_pb2.DetokenizeRequest(tokens=[1, token]), timeout=LONG_S)
    error = from_rpc_error(raised.value)
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, "/tokens")


@pytest.mark.parametrize(
    "method", ["Embed", "Rerank", "SaveSession", "RestoreSession", "ForkSession", "ListSessions", "DeleteSession"]
)
async def test_what_is_not_served(stub: InferenceServiceStub, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(stub, method)(getattr(inference_pb2, f"{method}Request")(), timeout=LONG_S)
    error = from_rpc_error(raised.value)
    assert (error.code, error.reason) == (Code.UNIMPLEMENTED, "ERROR_REASON_UNSUPPORTED")


async def test_reflection(engine: Supervisor) -> None:
    async with listening(engine) as address, channel(address) as connection:
        stub = reflection_pb2_grpc.ServerReflectionStub(connection)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=NAME),
        ]
        listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(asked), timeout=LONG_S)]
    names = {service.name for service in listed.list_services_response.service}
    assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert described.file_descriptor_response.file_descriptor_proto


async def test_health_says_when_the_model_is_loaded(demo_model: Path) -> None:
    """The port is open from the start; whoever watches sees it load, serve and stop."""
    listened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(main.serve(options(demo_model, listen="127.0.0.1:0"), on_listening=listened.set_result))
    seen: list[int] = []
    async with channel(await listened) as connection:
        watching = health_pb2_grpc.HealthStub(connection).Watch(health_pb2.HealthCheckRequest(service=NAME), timeout=LONG_S)
        async for health in watching:
            seen.append(health.status)
            if seen == [2, 1]:
                serving.cancel()
            if seen == [2, 1, 2]:
                break
        watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    status = health_pb2.HealthCheckResponse
    assert seen == [status.NOT_SERVING, status.SERVING, status.NOT_SERVING]
