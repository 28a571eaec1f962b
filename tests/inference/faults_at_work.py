"""Faults while messages are written."""

import asyncio
import os
import signal
import time
from typing import Any
from unittest.mock import patch

import grpc.aio
import pytest

from promptweave.demo.embedding_model import write_embedding_model
from promptweave.demo.model import write_demo_model
from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole
from promptweave.inference.engine import watchdog
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.supervisor import Supervision
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2 import (
    EmbedRequest,
    GetModelRequest,
    TranscribeRequest,
)
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.fake_whisper_server import install as install_whisper_server
from tests.support.inference.fake_whisper_server import write_model as write_whisper_model
from tests.support.inference.fault_injection import CONTEXT, Observed, Place, answers_again, end_of, named
from tests.support.inference.in_process import alive, calling, eventually, options, watched
from tests.support.inference.processes import address_of, engine_of, external_server, free_port, ready, service
from tests.support.inference.requests import TIMEOUT_S, Answer, endless, program, request, text


async def _killed(place: Place, number: signal.Signals, **given: Any) -> Observed:
    """The engine gets a signal while it writes."""
    engine = Supervisor(options(place.model, parallel=1, ctx_size=CONTEXT, **given))
    async with watched(engine), calling(engine) as stub:
        call = stub.Generate(endless(), timeout=TIMEOUT_S)
        got = Answer()
        got.add((await call.read()).events)
        began = time.monotonic()
        os.kill(engine.pid or 0, number)
        error = await end_of(call, got)
        assert got.content.strip("a") == ""
        kept = "the text so far, then " if got.content else ""
        await answers_again(stub)
        return Observed(f"{kept}{error}", time.monotonic() - began)


async def killed(place: Place) -> Observed:
    """kill -9, as the kernel does when memory runs out."""
    return await _killed(place, signal.SIGKILL)


async def stopped(place: Place) -> Observed:
    """It stands still."""
    return await _killed(place, signal.SIGSTOP, hang_timeout_s=1.0)


async def stuck(place: Place) -> Observed:
    """It answers, and does not get on with its work."""
    engine = Supervisor(options(place.model, engine=place.fake, hang_timeout_s=0.1))
    async with watched(engine), calling(engine) as stub:
        began = time.monotonic()
        call = stub.Generate(request(program(text("hang"))), timeout=TIMEOUT_S)
        got = Answer()
        error = await end_of(call, got)
        await eventually(lambda: engine.is_ready)
        return Observed(f"the text so far, then {error}" if got.content else error, time.monotonic() - began)


async def _twice(place: Place, prompt: str, **given: Any) -> Observed:
    """A grammar takes two engines down: the one that its call finds, and the one that tries it again. Then it is asked for
    once more."""
    engine = Supervisor(options(place.model, engine=place.fake, **given))
    asked = request(program(text(prompt), gbnf='root ::= "a"'))
    async with watched(engine), calling(engine) as stub:
        first = await end_of(stub.Generate(asked, timeout=TIMEOUT_S), Answer())
        began = time.monotonic()
        await eventually(lambda: engine.crash_count == 2 and engine.is_ready)
        back_s = time.monotonic() - began
        second = await end_of(stub.Generate(asked, timeout=TIMEOUT_S), Answer())
        return Observed(f"{first} after two tries; then {second}", back_s)


async def crashing_grammar(place: Place) -> Observed:
    """Of the grammars that crash the real engine we know none that is not refused before."""
    return await _twice(place, "die")


async def stalling_grammar(place: Place) -> Observed:
    """Nor do we of those that hold it up for ever."""
    # It may be slow to answer, on a busy machine.
    with patch.object(watchdog, "_PATIENCE", 0.2):
        return await _twice(place, "stick", hang_timeout_s=15.0)


async def whisper_killed(place: Place) -> Observed:
    """kill -9 of the whisper server while it works, and while the engine writes."""
    file = write_whisper_model(place.folder / "ggml-fake.bin")
    server = install_whisper_server(place.folder)
    given = options(place.model, parallel=1, ctx_size=CONTEXT, whisper_model=file, whisper_server=server)
    engine, side = Supervisor(given), AuxiliaryEngines.supervised(given)
    whisper = side.engines[EngineRole.WHISPER]
    assert isinstance(whisper, Supervision)
    async with watched(engine), watched(whisper), calling(engine, side=side) as stub:
        writing = stub.Generate(endless(), timeout=TIMEOUT_S)
        await writing.read()
        hearing = stub.Transcribe(TranscribeRequest(audio=b"sound", prompt="wait"), timeout=TIMEOUT_S)
        await eventually(lambda: whisper.ready().slot_queue.running)
        began = time.monotonic()
        os.kill(whisper.pid or 0, signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await hearing
        await eventually(lambda: whisper.crash_count and whisper.is_ready)
        await stub.Transcribe(TranscribeRequest(audio=b"sound"), timeout=TIMEOUT_S)
        back_s = time.monotonic() - began
        assert (await writing.read()).events
        writing.cancel()
        return Observed(f"Transcribe: {named(raised.value)}; other calls continue", back_s)


async def embedder_killed(place: Place) -> Observed:
    """kill -9 of the engine that embeds, while the other one writes."""
    file = place.folder / "embedder.gguf"
    write_embedding_model(file)
    given = options(place.model, parallel=1, ctx_size=CONTEXT, embedding_model=file)
    engine, side = Supervisor(given), AuxiliaryEngines.supervised(given)
    embedder = side.engines[EngineRole.EMBEDDING]
    assert isinstance(embedder, Supervisor)
    async with watched(engine), watched(embedder), calling(engine, side=side) as stub:
        asked = EmbedRequest(inputs=[EmbedRequest.Input(text="hello")])
        await stub.Embed(asked, timeout=TIMEOUT_S)
        writing = stub.Generate(endless(), timeout=TIMEOUT_S)
        await writing.read()
        began = time.monotonic()
        os.kill(embedder.pid or 0, signal.SIGKILL)
        await eventually(lambda: not embedder.is_ready)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Embed(asked, timeout=TIMEOUT_S)
        await eventually(lambda: embedder.is_ready)
        await stub.Embed(asked, timeout=TIMEOUT_S)
        back_s = time.monotonic() - began
        assert (await writing.read()).events
        writing.cancel()
        return Observed(f"Embed: {named(raised.value)}; other calls continue", back_s)


async def endpoint_with_another_model(place: Place) -> Observed:
    """Somebody's server is killed, and started again with another model."""
    port = free_port()
    other = place.folder / "other.gguf"
    await asyncio.to_thread(write_demo_model, other, template="another")
    engine = endpoints(InferenceOptions(endpoints=(f"http://127.0.0.1:{port}",)))
    async with watched(engine, ready=False) as watch, calling(engine) as stub:
        async with external_server(place.model, port):
            await watch.until_heard(True)
            call = stub.Generate(endless(), timeout=TIMEOUT_S)
            got = Answer()
            got.add((await call.read()).events)
        began = time.monotonic()
        error = await end_of(call, got)
        async with external_server(other, port):
            await eventually(lambda: engine.ready_engines() and engine.ready().model_info.template == "another")
            await answers_again(stub)
            back_s = time.monotonic() - began
            template = (await stub.GetModel(GetModelRequest())).model.template.source
            return Observed(f"the text so far, then {error}; GetModel returns {template} model", back_s)


async def endpoint_gone(place: Place) -> Observed:
    """Somebody's server is killed, and started again at once."""
    port = free_port()
    engine = endpoints(InferenceOptions(endpoints=(f"http://127.0.0.1:{port}",)))
    async with watched(engine, ready=False) as watch, calling(engine) as stub:
        async with external_server(place.model, port):
            await watch.until_heard(True)
            call = stub.Generate(endless(), timeout=TIMEOUT_S)
            got = Answer()
            got.add((await call.read()).events)
        began = time.monotonic()
        error = await end_of(call, got)
        async with external_server(place.model, port):
            await answers_again(stub)
            return Observed(f"the text so far, then {error}", time.monotonic() - began)


async def service_killed(place: Place) -> Observed:
    """kill -9 of the service; it is started again, as an orchestrator would."""
    folder = str(place.folder)
    async with service(place.model, folder=folder) as first:
        address = await address_of(first)
        async with channel(address) as connection:
            stub = InferenceServiceStub(connection)
            await ready(stub)
            call = stub.Generate(endless(), timeout=TIMEOUT_S)
            got = Answer()
            got.add((await call.read()).events)
            pid = engine_of(first)
            began = time.monotonic()
            first.kill()
            error = await end_of(call, got)
            assert got.content.strip("a") == ""
        await eventually(lambda: not alive(pid))
        async with service(place.model, folder=folder, listen=address) as second, channel(address) as connection:
            assert await address_of(second) == address
            await answers_again(InferenceServiceStub(connection))
            back_s = time.monotonic() - began
            assert len(os.listdir(folder)) == 1, "what the first one left is gone"
    return Observed(f"the text so far, then {error}", back_s)
