"""Faults, each injected for real: what a client sees, and how long it takes until calls are answered again.

`test_faults.py` asserts what is seen; `fault_table.py` writes docs/faults.md with the times.
"""

import asyncio
import os
import re
import resource
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

import grpc.aio
import pytest

from promptweave.demo.embedding_model import write_embedding_model
from promptweave.demo.model import write_demo_model
from promptweave.inference import pulse
from promptweave.inference.endpoint import Endpoint
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.session_files import SessionFiles
from promptweave.inference.side_engines import Role, SideEngines
from promptweave.inference.supervisor import Supervision, Supervisor
from promptweave.rpc.address import ListenError
from promptweave.rpc.channel import channel
from promptweave.rpc.errors import from_rpc_error
from promptweave.rpc.server import RpcServer
from promptweave.v1.inference_pb2 import (
    EmbedRequest,
    ForkSessionRequest,
    GenerateRequest,
    GetModelRequest,
    ListSessionsRequest,
    TranscribeRequest,
)
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub

from ..fake_whisper_server import install as install_whisper_server
from ..fake_whisper_server import write_model as write_whisper_model
from .processes import address_of, engine_of, free_port, ready, service, somebodys_server
from .requests import TIMEOUT_S, Answer, answer, endless, program, read_on, request, text
from .running import LONG_S, alive, calling, eventually, options, served, watched

CONTEXT = 32_768
"""Large enough for a message that is still being written when the fault comes."""


@dataclass(frozen=True)
class Place:
    """What a fault is made of: a model, a program that misbehaves, an empty folder."""

    model: Path
    fake: str
    folder: Path


@dataclass(frozen=True)
class Seen:
    """What came of it. `back_s`: seconds from the fault to the first answer; None: there is nothing to come back."""

    what: str
    back_s: float | None = None


@dataclass(frozen=True)
class Fault:
    """`seen`: what the client, or for a start the person at the terminal, is told; "…" stands for any words."""

    name: str
    injected: str
    seen: str
    lost: str
    run: Callable[[Place], Awaitable[Seen]]

    def check(self, seen: Seen) -> None:
        """Raises AssertionError for something else."""
        pattern = ".*".join(map(re.escape, self.seen.split("…")))
        assert re.fullmatch(pattern, seen.what), f"{seen.what!r} instead of {self.seen!r}"


async def _killed(place: Place, number: signal.Signals, **given: Any) -> Seen:
    """The engine gets a signal while it writes."""
    engine = Supervisor(options(place.model, parallel=1, ctx_size=CONTEXT, **given))
    async with watched(engine), calling(engine) as stub:
        call = stub.Generate(endless(), timeout=TIMEOUT_S)
        got = Answer()
        got.add((await call.read()).events)
        began = time.monotonic()
        os.kill(engine.pid or 0, number)
        error = await _end_of(call, got)
        assert got.content.strip("a") == ""
        kept = "the text so far, then " if got.content else ""
        await _answers(stub)
        return Seen(f"{kept}{error}", time.monotonic() - began)


async def killed(place: Place) -> Seen:
    """kill -9, as the kernel does when memory runs out."""
    return await _killed(place, signal.SIGKILL)


async def stopped(place: Place) -> Seen:
    """It stands still."""
    return await _killed(place, signal.SIGSTOP, hang_timeout_s=1.0)


async def stuck(place: Place) -> Seen:
    """It answers, and does not get on with its work."""
    engine = Supervisor(options(place.model, engine=place.fake, hang_timeout_s=0.1))
    async with watched(engine), calling(engine) as stub:
        began = time.monotonic()
        call = stub.Generate(request(program(text("hang"))), timeout=TIMEOUT_S)
        got = Answer()
        error = await _end_of(call, got)
        await eventually(lambda: engine._ready)
        return Seen(f"the text so far, then {error}" if got.content else error, time.monotonic() - began)


async def _twice(place: Place, prompt: str, **given: Any) -> Seen:
    """A grammar takes two engines down: the one that its call finds, and the one that tries it again. Then it is asked for
    once more."""
    engine = Supervisor(options(place.model, engine=place.fake, **given))
    asked = request(program(text(prompt), gbnf='root ::= "a"'))
    async with watched(engine), calling(engine) as stub:
        first = await _end_of(stub.Generate(asked, timeout=TIMEOUT_S), Answer())
        began = time.monotonic()
        await eventually(lambda: engine.losses == 2 and engine._ready)
        back_s = time.monotonic() - began
        second = await _end_of(stub.Generate(asked, timeout=TIMEOUT_S), Answer())
        return Seen(f"{first} after two tries; then {second}", back_s)


async def crashing_grammar(place: Place) -> Seen:
    """Of the grammars that crash the real engine we know none that is not refused before."""
    return await _twice(place, "die")


async def stalling_grammar(place: Place) -> Seen:
    """Nor do we of those that hold it up for ever."""
    with patch.object(pulse, "_PATIENCE", 1):
        return await _twice(place, "stick", hang_timeout_s=3.0)


async def killed_while_it_loads(place: Place) -> Seen:
    """kill -9 before it was ever ready."""
    engine = Supervisor(options(place.model, engine=place.fake, engine_args=("--fake", "never")))
    async with watched(engine, ready=False) as watch:
        await eventually(lambda: engine.pid)
        os.kill(engine.pid or 0, signal.SIGKILL)
        return await _end_of_start(watch.task)


async def memory_runs_out(place: Place) -> Seen:
    """It gets less than its context takes."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("a process cannot be limited from outside here")
    engine = Supervisor(options(place.model, parallel=4, ctx_size=200_000))
    async with watched(engine, ready=False) as watch:
        await eventually(lambda: engine.pid)
        resource.prlimit(engine.pid or 0, resource.RLIMIT_AS, (600 << 20, 600 << 20))
        return await _end_of_start(watch.task)


async def never_loads(place: Place) -> Seen:
    """It loads, and loads."""
    return await _start(place, engine=place.fake, engine_args=("--fake", "never"), start_timeout_s=1.0)


async def cut_model(place: Place) -> Seen:
    """The second half of the model's file is missing."""
    model = place.folder / "model.gguf"
    await asyncio.to_thread(_cut, place.model, model)
    return await _start(place, model=model)


async def no_model(place: Place) -> Seen:
    """Another kind of file."""
    model = place.folder / "model.gguf"
    await asyncio.to_thread(model.write_bytes, b"PK\3\4")
    return await _start(place, model=model)


async def model_breaks_later(place: Place) -> Seen:
    """The model's file is cut while the engine runs; then the engine dies."""
    model = place.folder / "model.gguf"
    shutil.copy(place.model, model)
    engine = Supervisor(options(model))
    async with watched(engine) as watch:
        model.unlink()
        await asyncio.to_thread(_cut, place.model, model)
        os.kill(engine.pid or 0, signal.SIGKILL)
        return await _end_of_start(watch.task)


async def taken_port(place: Place) -> Seen:
    """Somebody listens there."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        server = RpcServer()
        with pytest.raises(ListenError) as raised:
            server.listen(address)
        await server.stop(0)
        return Seen(f"exit status 1: {raised.value}".replace(address, "ADDRESS"))


async def disk_full(place: Place) -> Seen:
    """A file system of one megabyte, which a session does not fit."""
    mounting = await asyncio.create_subprocess_exec(*("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place.folder)))
    if await mounting.wait():
        pytest.skip("file systems cannot be mounted here")
    try:
        async with served(options(place.model, parallel=1, ctx_size=4096, session_dir=place.folder)) as (stub, _):
            long = request(program(text("hello world " * 300), gbnf='root ::= "x"'), session_id="long")
            began = time.monotonic()
            told = (await answer(stub, long)).content
            assert not (await stub.ListSessions(ListSessionsRequest())).sessions
            await _answers(stub)
            return Seen(f"the whole answer, {told!r}", time.monotonic() - began)
    finally:
        unmounting = await asyncio.create_subprocess_exec("umount", str(place.folder))
        assert not await unmounting.wait()


LONG = "hello world " * 160
"""Some 2,000 tokens: the vocabulary is bytes."""


def _turn(words: str) -> GenerateRequest:
    """A message of a session; what it writes is certain."""
    return request(program(text(words), gbnf='root ::= "yes"'), session_id="a")


async def killed_while_it_saves(place: Place) -> Seen:
    """kill -9 as soon as there is something of the file."""
    sessions = place.folder / "sessions"
    given = options(place.model, parallel=1, ctx_size=8192, session_dir=sessions)
    async with served(given) as (stub, engine):
        await answer(stub, _turn(LONG))
        pid, new_file = engine.pid or 0, SessionFiles.new_file

        def killing(files: SessionFiles, session_id: str) -> str:
            name = new_file(files, session_id)
            Thread(target=_kill_when_there_is, args=(files.folder / name, pid)).start()
            return name

        with patch.object(SessionFiles, "new_file", killing):
            got = await answer(stub, _turn(LONG + "yes and then " + LONG))
        began = time.monotonic()
        await eventually(lambda: engine.losses == 1 and engine._ready)
        again = await answer(stub, _turn(LONG + "yes but then"))
        back_s = time.monotonic() - began
        assert _evaluated(again) <= 10, "the state of the message before it is whole"
        assert len(list(sessions.glob("*.kv"))) == 1
        return Seen(f"the whole answer, {got.content!r}", back_s)


def _kill_when_there_is(file: Path, pid: int) -> None:
    end = time.monotonic() + LONG_S
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.0001)
    os.kill(pid, signal.SIGKILL)


def _evaluated(found: Answer) -> int:
    """How many tokens of the prompt were not there yet."""
    return found.finish.usage.prompt_tokens - found.finish.usage.cached_tokens


async def service_killed_in_a_session(place: Place) -> Seen:
    """kill -9 of the service between two messages of a session and of its fork; it is started again."""
    sessions = place.folder / "sessions"
    async with service(place.model, sessions=sessions) as first, channel(await address_of(first)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        before = _evaluated(await answer(stub, _turn(LONG)))
        await stub.ForkSession(ForkSessionRequest(parent_id="a", id="b"))
        began = time.monotonic()
        first.kill()
    async with service(place.model, sessions=sessions) as second, channel(await address_of(second)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        own = _evaluated(await answer(stub, _turn(LONG + "yes and then")))
        back_s = time.monotonic() - began
        forked = _turn(LONG + "yes but then")
        forked.session_id = "b"
        assert max(own, _evaluated(await answer(stub, forked))) <= 10
        assert before > 1900
    return Seen("the next message evaluates its new tokens alone, in a fork as well", back_s)


async def embedder_killed(place: Place) -> Seen:
    """kill -9 of the engine that embeds, while the other one writes."""
    file = place.folder / "embedder.gguf"
    write_embedding_model(file)
    given = options(place.model, parallel=1, ctx_size=CONTEXT, embedding_model=file)
    engine, side = Supervisor(given), SideEngines.supervised(given)
    embedder = side.engines[Role.EMBEDDING]
    assert isinstance(embedder, Supervisor)
    async with watched(engine), watched(embedder), calling(engine, side=side) as stub:
        asked = EmbedRequest(inputs=[EmbedRequest.Input(text="hello")])
        await stub.Embed(asked, timeout=TIMEOUT_S)
        writing = stub.Generate(endless(), timeout=TIMEOUT_S)
        await writing.read()
        began = time.monotonic()
        os.kill(embedder.pid or 0, signal.SIGKILL)
        await eventually(lambda: not embedder._ready)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Embed(asked, timeout=TIMEOUT_S)
        await eventually(lambda: embedder._ready)
        await stub.Embed(asked, timeout=TIMEOUT_S)
        back_s = time.monotonic() - began
        assert (await writing.read()).events
        writing.cancel()
        return Seen(f"of Embed: {_named(raised.value)}; others go on", back_s)


async def whisper_killed(place: Place) -> Seen:
    """kill -9 of the whisper server while it works, and while the engine writes."""
    file = write_whisper_model(place.folder / "ggml-fake.bin")
    server = install_whisper_server(place.folder)
    given = options(place.model, parallel=1, ctx_size=CONTEXT, whisper_model=file, whisper_server=server)
    engine, side = Supervisor(given), SideEngines.supervised(given)
    whisper = side.engines[Role.WHISPER]
    assert isinstance(whisper, Supervision)
    async with watched(engine), watched(whisper), calling(engine, side=side) as stub:
        writing = stub.Generate(endless(), timeout=TIMEOUT_S)
        await writing.read()
        hearing = stub.Transcribe(TranscribeRequest(audio=b"sound", prompt="wait"), timeout=TIMEOUT_S)
        await eventually(lambda: whisper.ready().gate.running)
        began = time.monotonic()
        os.kill(whisper.pid or 0, signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await hearing
        await eventually(lambda: whisper.losses and whisper._ready)
        await stub.Transcribe(TranscribeRequest(audio=b"sound"), timeout=TIMEOUT_S)
        back_s = time.monotonic() - began
        assert (await writing.read()).events
        writing.cancel()
        return Seen(f"of Transcribe: {_named(raised.value)}; others go on", back_s)


async def endpoint_with_another_model(place: Place) -> Seen:
    """Somebody's server is killed, and started again with another model."""
    port = free_port()
    other = place.folder / "other.gguf"
    await asyncio.to_thread(write_demo_model, other, template="another")
    engine = Endpoint(InferenceOptions(endpoint=f"http://127.0.0.1:{port}"))
    async with watched(engine, ready=False) as watch, calling(engine) as stub:
        async with somebodys_server(place.model, port):
            await watch.until_heard(True)
            call = stub.Generate(endless(), timeout=TIMEOUT_S)
            got = Answer()
            got.add((await call.read()).events)
        began = time.monotonic()
        error = await _end_of(call, got)
        async with somebodys_server(other, port):
            await eventually(lambda: engine._ready and engine.ready().facts.template == "another")
            await _answers(stub)
            back_s = time.monotonic() - began
            template = (await stub.GetModel(GetModelRequest())).model.template.source
            return Seen(f"the text so far, then {error}; GetModel tells {template} model", back_s)


async def endpoint_gone(place: Place) -> Seen:
    """Somebody's server is killed, and started again at once."""
    port = free_port()
    engine = Endpoint(InferenceOptions(endpoint=f"http://127.0.0.1:{port}"))
    async with watched(engine, ready=False) as watch, calling(engine) as stub:
        async with somebodys_server(place.model, port):
            await watch.until_heard(True)
            call = stub.Generate(endless(), timeout=TIMEOUT_S)
            got = Answer()
            got.add((await call.read()).events)
        began = time.monotonic()
        error = await _end_of(call, got)
        async with somebodys_server(place.model, port):
            await _answers(stub)
            return Seen(f"the text so far, then {error}", time.monotonic() - began)


async def service_killed(place: Place) -> Seen:
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
            error = await _end_of(call, got)
            assert got.content.strip("a") == ""
        await eventually(lambda: not alive(pid))
        async with service(place.model, folder=folder, listen=address) as second, channel(address) as connection:
            assert await address_of(second) == address
            await _answers(InferenceServiceStub(connection))
            back_s = time.monotonic() - began
            assert len(os.listdir(folder)) == 1, "what the first one left is gone"
    return Seen(f"the text so far, then {error}", back_s)


async def _start(place: Place, **given: Any) -> Seen:
    """A start that fails."""
    try:
        engine = Supervisor(options(**{"model": place.model, **given}))
    except StartError as error:
        return Seen(_told(error))
    async with watched(engine, ready=False) as watch:
        return await _end_of_start(watch.task)


async def _end_of_start(task: "asyncio.Task[None]") -> Seen:
    await asyncio.wait([task], timeout=LONG_S)
    with pytest.raises(StartError) as raised:
        task.result()
    return Seen(_told(raised.value))


def _told(error: StartError) -> str:
    words = [Path(word).name if word.startswith("/") else word for word in str(error).split()]
    return f"exit status 1: {' '.join(words)}"


def _cut(model: Path, to: Path) -> None:
    whole = model.read_bytes()
    to.write_bytes(whole[: len(whole) // 2])


async def _end_of(call: Any, got: Answer) -> str:
    """Reads on to the error that ends a call."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await read_on(call, got)
    return _named(raised.value)


def _named(raised: grpc.aio.AioRpcError) -> str:
    error = from_rpc_error(raised)
    return f"{error.code.value} ({error.reason.removeprefix('ERROR_REASON_')})"


async def _answers(stub: InferenceServiceStub) -> None:
    """Asks until there is an answer."""
    async with asyncio.timeout(LONG_S):
        while True:
            try:
                assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.02)
            else:
                return


_GONE = "UNAVAILABLE (ENGINE_UNAVAILABLE)"
_CUT = f"the text so far, then {_GONE}"
_REST = "the rest of the messages that were being written"
_NOTHING = "nothing: it never served"
_ENDED = "exit status 1: the engine ended while it started"

FAULTS = (
    Fault("The engine is killed", "SIGKILL while it writes", _CUT, _REST, killed),
    Fault("The engine stands still", "SIGSTOP while it writes, `--hang-timeout 1`", _CUT, _REST, stopped),
    Fault("The engine answers and does not get on", "a fake one, `--hang-timeout 0.1`", _CUT, _REST, stuck),
    Fault(
        "A grammar crashes the engine",
        "a fake engine dies of it",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "what others were having written, twice",
        crashing_grammar,
    ),
    Fault(
        "A grammar holds the engine up",
        "a fake one gets no further with it, and is given 3 s",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "what others were having written, twice",
        stalling_grammar,
    ),
    Fault("Somebody's server goes away", "SIGKILL with `--endpoint`, and a new start", _CUT, _REST, endpoint_gone),
    Fault(
        "Somebody's server comes back with another model",
        "SIGKILL with `--endpoint`, and a start with another file",
        f"{_CUT}; GetModel tells another model",
        _REST,
        endpoint_with_another_model,
    ),
    Fault(
        "The engine that embeds is killed",
        "SIGKILL while the other one writes",
        f"of Embed: {_GONE}; others go on",
        "nothing: what is embedded can be embedded again",
        embedder_killed,
    ),
    Fault(
        "The whisper server is killed",
        "SIGKILL of a fake one while it works, and while the engine writes",
        f"of Transcribe: {_GONE}; others go on",
        "the transcripts that were being made or waited for",
        whisper_killed,
    ),
    Fault(
        "The disk is full when a session is saved",
        "a file system of one megabyte",
        "the whole answer, 'x'",
        "the session's state: its next message is evaluated anew",
        disk_full,
    ),
    Fault(
        "The engine is killed while it saves a session",
        "SIGKILL when the file appears",
        "the whole answer, 'yes'",
        "nothing, or what the session had of this message",
        killed_while_it_saves,
    ),
    Fault(
        "The service is killed between two messages of a session",
        "SIGKILL, and a new start",
        "the next message evaluates its new tokens alone, in a fork as well",
        "nothing",
        service_killed_in_a_session,
    ),
    Fault(
        "The service is killed",
        "SIGKILL while it writes, and a new start",
        "the text so far, then UNAVAILABLE (UNSPECIFIED)",
        f"{_REST}; what waits",
        service_killed,
    ),
    Fault(
        "The model's file is cut while the engine runs",
        "then SIGKILL",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        "the service ends, after three starts",
        model_breaks_later,
    ),
    Fault(
        "A port is taken",
        "another socket listens",
        "exit status 1: cannot listen on ADDRESS: Address already in use",
        _NOTHING,
        taken_port,
    ),
    Fault(
        "The model is no GGUF",
        "a file that begins with `PK`",
        "exit status 1: model.gguf is no GGUF model file (it begins with …)",
        _NOTHING,
        no_model,
    ),
    Fault(
        "The model's file is cut",
        "its second half is missing",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        _NOTHING,
        cut_model,
    ),
    Fault(
        "Memory runs out while the engine loads",
        "it may have 600 MiB, and its context is larger",
        f"{_ENDED} (…): … allocat…",
        _NOTHING,
        memory_runs_out,
    ),
    Fault(
        "The engine is killed while it loads",
        "SIGKILL, as when memory runs out",
        f"{_ENDED} (killed by SIGKILL, as the kernel does when memory runs out): it said nothing",
        _NOTHING,
        killed_while_it_loads,
    ),
    Fault(
        "The engine never gets ready",
        "a fake one, `--start-timeout 1`",
        "exit status 1: the engine was not ready after 1 s",
        _NOTHING,
        never_loads,
    ),
)
