"""A llama.cpp server that somebody else runs: it comes, goes and comes back, and may be no llama.cpp at all."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from promptweave.demo.model import demo_template
from promptweave.errors import Code
from promptweave.inference.engine import remote as module
from promptweave.inference.engine.remote import Endpoint
from promptweave.inference.errors import EngineUnavailableError
from promptweave.inference.options import InferenceOptions
from promptweave.v1.inference_pb2 import GetModelRequest
from tests.support.inference.in_process import LONG_S, calling, eventually, watched
from tests.support.inference.processes import external_server, free_port
from tests.support.inference.requests import answer, program, refused, request

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_S", 0.05)


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    return free_port()


def endpoint(port: int, **given: str) -> Endpoint:
    url = f"http://127.0.0.1:{port}"
    return Endpoint(InferenceOptions(endpoints=(url,), **given), url)  # type: ignore[arg-type]


def problem(engine: Endpoint) -> str:
    with pytest.raises(EngineUnavailableError) as raised:
        engine.ready()
    return raised.value.message


async def test_comes_goes_and_comes_back(demo_model: Path, port: int) -> None:
    engine = endpoint(port)
    async with watched(engine, ready=False) as watch, calling(engine) as stub:
        error = await refused(stub, request())
        assert (error.code, error.reason) == (Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE")
        await eventually(lambda: "does not respond" in problem(engine))
        for heard in ([True], [True, False, True]):
            async with external_server(demo_model, port):
                await watch.until_heard(*heard)
                # The tag and the end are special tokens, which this server hides unless it is told not to.
                got = await answer(stub, request(program(gbnf='root ::= "a<|im_start|>b"')))
                assert (got.content, got.finish.complete) == ("a<|im_start|>b", True)
                model = (await stub.GetModel(GetModelRequest(), timeout=LONG_S)).model
                assert (model.template.source, model.context_size) == (demo_template().rstrip("\n"), 512)
            await watch.until_heard(*heard, False)
        assert (await refused(stub, request())).code is Code.UNAVAILABLE


class Switch:
    """A port behind which one server takes another one's place in no time."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    def to(self, target: int) -> None:
        """From now on, that one answers."""
        self._target = target
        for writer in self._open:
            writer.close()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._open -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    writer.close()


async def test_a_restart_that_nobody_sees_is_noticed(demo_model: Path, port: int) -> None:
    other, switch = free_port(), Switch(port)
    async with (
        external_server(demo_model, port),
        external_server(demo_model, other),
        await asyncio.start_server(switch.connect, "127.0.0.1", 0) as server,
    ):
        for each in (port, other):
            async with watched(endpoint(each)):
                pass  # Both are there.
        engine = endpoint(server.sockets[0].getsockname()[1])
        async with watched(engine) as watch, calling(engine) as stub:
            first = engine.ready()
            switch.to(other)
            await watch.until_heard(True, False, True)
            assert engine.ready() is not first
            assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"


async def test_a_key(demo_model: Path, port: int) -> None:
    wrong, right = endpoint(port, endpoint_api_key="wrong"), endpoint(port, endpoint_api_key="right", model_id="mine")
    async with (
        external_server(demo_model, port, ["right"]),
        watched(right),
        watched(wrong, ready=False),
        calling(right) as stub,
    ):
        assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"
        assert right.ready().model_info.model_id == "mine"
        await eventually(lambda: "rejected the service's API key" in problem(wrong))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "not a supported llama.cpp server", id="an-object"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not a supported llama.cpp server", id="a-list"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhey!", "not a supported llama.cpp server", id="words"),
        pytest.param(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "does not respond, or is loading", id="not-found"),
        pytest.param(b"SSH-2.0\r\n", "does not respond, or is loading", id="no-http"),
        pytest.param(b"", "does not respond, or is loading", id="silent"),
    ],
)
async def test_what_is_no_llama_cpp_server(reply: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        engine = endpoint(server.sockets[0].getsockname()[1])
        async with watched(engine, ready=False) as watch:
            await eventually(lambda: words in problem(engine))
            assert not watch.heard
            assert not watch.task.done()
