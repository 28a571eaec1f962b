"""The engines beside the one that writes: which models they take, and that they live and die apart."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from promptweave.demo.embedding_model import write_embedding_model
from promptweave.inference import auxiliary_engines, main
from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole, side_options
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import EngineUnavailableError, StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.launcher import Order, command
from promptweave.rpc.channel import channel
from promptweave.v1 import inference_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, calling, eventually, options, watched
from tests.support.inference.requests import answer, request

pytestmark = pytest.mark.anyio


def model(folder: Path, pooling: str | None) -> Path:
    path = folder / f"{pooling}.gguf"
    write_embedding_model(path, pooling=pooling)
    return path


def given(folder: Path, **fields: Any) -> InferenceOptions:
    return InferenceOptions(model=folder / "chat.gguf", **fields)


@pytest.mark.parametrize(
    ("pooling", "fields", "expected"),
    [
        pytest.param("MEAN", {}, ("mean", 256), id="as-the-file-says"),
        pytest.param("CLS", {}, ("cls", 256), id="cls"),
        pytest.param("MEAN", {"embedding_pooling": "last"}, ("last", 256), id="as-asked"),
        pytest.param(None, {"embedding_pooling": "mean"}, ("mean", 256), id="the-file-does-not-say"),
        pytest.param("MEAN", {"embedding_ctx_size": 600}, ("mean", 768), id="longer"),
    ],
)
def test_an_engines_own_options(
    tmp_path: Path, pooling: str | None, fields: dict[str, Any], expected: tuple[str, int]
) -> None:
    path = model(tmp_path, pooling)
    chosen = side_options(given(tmp_path, embedding_model=path, engine="e", engine_args=("--temp", "0"), **fields))
    assert [*chosen] == [EngineRole.EMBEDDING]
    own = chosen[EngineRole.EMBEDDING]
    assert (own.model, own.pooling, own.ctx_size) == (path, *expected)
    assert (own.engine, own.engine_args, own.parallel) == ("e", (), 4)


def test_a_long_context_is_taken_when_asked_for(demo_model: Path) -> None:
    assert (
        side_options(given(demo_model, embedding_model=demo_model, embedding_pooling="last"))[EngineRole.EMBEDDING].ctx_size
        == 8192
    )
    asked = given(demo_model, embedding_model=demo_model, embedding_pooling="last", embedding_ctx_size=20_000)
    assert side_options(asked)[EngineRole.EMBEDDING].ctx_size == 20_224


@pytest.mark.parametrize(
    ("option", "pooling", "message"),
    [
        pytest.param("embedding_model", "RANK", "is a reranker; pass it as --rerank-model", id="reranker"),
        pytest.param("embedding_model", None, "set --embedding-pooling to one of mean, cls, last", id="no-pooling"),
        pytest.param("embedding_model", "NONE", "set --embedding-pooling", id="pooling-none"),
        pytest.param("rerank_model", "MEAN", "is not a reranker .its pooling is mean", id="no-reranker"),
        pytest.param("rerank_model", None, "is not a reranker .its pooling is not specified", id="neither"),
    ],
)
def test_models_for_another_role(tmp_path: Path, option: str, pooling: str | None, message: str) -> None:
    with pytest.raises(StartError, match=f"^--{option.replace('_', '-')}: .*{message}"):
        AuxiliaryEngines.supervised(given(tmp_path, **{option: model(tmp_path, pooling)}))


@pytest.mark.parametrize("option", ["embedding_model", "rerank_model"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read"), (b"PK", "not a GGUF"), (b"GGUF\x03\0\0\0", "truncated or corrupted")],
    ids=["absent", "other", "cut"],
)
def test_files_that_are_no_models(tmp_path: Path, option: str, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartError, match=f"^--{option.replace('_', '-')}: .*{message}"):
        AuxiliaryEngines.supervised(given(tmp_path, **{option: path}))


def test_a_file_without_a_context(tmp_path: Path) -> None:
    from promptweave.demo.gguf_file import gguf_file

    with gguf_file(tmp_path / "x.gguf", "bert"):
        pass
    with pytest.raises(StartError, match="does not specify a context length"):
        AuxiliaryEngines.supervised(given(tmp_path, embedding_model=tmp_path / "x.gguf"))


@pytest.mark.parametrize("pooling", ["mean", "rank"])
def test_the_command_line_of_a_binary(pooling: str) -> None:
    argv = command(Order(1, "/bin/e", "/m.gguf", "/s.sock", "secret", 4, 512, None, (), pooling=pooling))
    assert argv[argv.index("--pooling") + 1] == pooling
    assert [argv[argv.index(name) + 1] for name in ("--ctx-size", "--batch-size", "--ubatch-size")] == ["512"] * 3
    assert ("--reranking" in argv) == (pooling == "rank")


async def test_they_live_and_die_apart(demo_model: Path, tmp_path: Path) -> None:
    chosen = options(demo_model, embedding_model=model(tmp_path, "MEAN"))
    chat, side = Supervisor(chosen), AuxiliaryEngines.supervised(chosen)
    beside = side.engines[EngineRole.EMBEDDING]
    assert isinstance(beside, Supervisor)
    embed = inference_pb2.EmbedRequest(inputs=[inference_pb2.EmbedRequest.Input(text="a")])
    async with watched(chat), watched(beside) as watch, calling(chat, side=side) as stub:
        assert beside.pid
        os.kill(beside.pid, signal.SIGKILL)
        await eventually(lambda: watch.heard == [True, False])
        with pytest.raises(EngineUnavailableError, match=r"^embedding model: "):
            side.ready(EngineRole.EMBEDDING)
        assert (await answer(stub, request(max_tokens=1))).finish.usage.completion_tokens == 1
        await eventually(lambda: watch.heard == [True, False, True])
        assert chat.pid
        os.kill(chat.pid, signal.SIGKILL)
        assert (await stub.Embed(embed, timeout=LONG_S)).embeddings


async def test_an_engine_that_cannot_start_ends_the_service(demo_model: Path, tmp_path: Path) -> None:
    # Its header is whole, and its weights are missing.
    path = model(tmp_path, "MEAN")
    path.write_bytes(path.read_bytes()[:-5000])
    chosen = options(demo_model, embedding_model=path, listen="127.0.0.1:0")
    with pytest.raises(StartError, match=r"^--embedding-model: the engine exited during startup"):
        await main.serve(chosen)


async def test_one_that_ran_and_starts_no_more_leaves_the_others(
    demo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auxiliary_engines, "_HOPELESS_S", 0.0)
    lives = 0

    class Mortal:
        def ready(self) -> Any:
            raise AssertionError

        async def run(self, on_ready: auxiliary_engines.OnReady) -> None:
            nonlocal lives
            lives += 1
            if lives == 1:
                await on_ready(True)
            if lives < 3:
                raise StartError("no more")
            await asyncio.Event().wait()

    heard: list[bool] = []

    async def hear(ready: bool) -> None:
        heard.append(ready)

    running = asyncio.ensure_future(AuxiliaryEngines({EngineRole.RERANK: Mortal()}).run(EngineRole.RERANK, hear))
    await eventually(lambda: lives == 3)
    assert heard == [True]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_health_tells_which(demo_model: Path, tmp_path: Path) -> None:
    listened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    chosen = options(demo_model, embedding_model=model(tmp_path, "MEAN"), listen="127.0.0.1:0")
    serving = asyncio.create_task(main.serve(chosen, on_listening=listened.set_result))
    async with channel(await listened) as connection:
        health = health_pb2_grpc.HealthStub(connection)
        for name in ("promptweave.v1.InferenceService", main.CALLS[EngineRole.EMBEDDING]):
            async for state in health.Watch(health_pb2.HealthCheckRequest(service=name), timeout=LONG_S):
                if state.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        stub = InferenceServiceStub(connection)
        embed = inference_pb2.EmbedRequest(inputs=[inference_pb2.EmbedRequest.Input(text="a")])
        assert (await stub.Embed(embed, timeout=LONG_S)).prompt_tokens == 3
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
