"""What the inference service shows of its engine and its messages."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from promptweave.demo.embedding_model import write_embedding_model
from promptweave.inference.auxiliary_engines import NO_AUXILIARY_ENGINES, AuxiliaryEngines, EngineRole
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.service.engine_metrics import EngineMetrics
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, calling, eventually, options, watched
from tests.support.inference.processes import address_of, engine_of, free_port, ready, service
from tests.support.inference.requests import answer, endless, program, request, text

pytestmark = pytest.mark.anyio


async def test_an_engine_at_work(demo_model: Path) -> None:
    registry = CollectorRegistry()
    engine = Supervisor(options(demo_model, parallel=1, ctx_size=4096))

    def value(name: str) -> float | None:
        return registry.get_sample_value(name)

    def of_engine(name: str) -> float | None:
        return registry.get_sample_value(f"promptweave_engine_{name}", CHAT)

    async with watched(engine, ready=False) as watch, calling(engine, registry) as stub:
        assert (of_engine("up"), of_engine("slots")) == (0, 0)
        await watch.until_heard(True)
        assert (of_engine("up"), of_engine("slots")) == (1, 1)
        asked = request(program(text("some words to begin with"), gbnf='root ::= "xyz"'))
        for _ in range(2):
            await answer(stub, asked)
        prompt, cached = value("promptweave_prompt_tokens_total"), value("promptweave_cached_prompt_tokens_total")
        assert prompt
        assert cached
        assert prompt / 2 > cached > prompt / 4
        assert 6 <= (value("promptweave_generation_tokens_total") or 0) <= 8  # The engine does not always count the end.
        assert value("promptweave_time_to_first_token_seconds_count") == 2
        assert value("promptweave_time_per_output_token_seconds_count") == 2
        calls = [stub.Generate(endless(), timeout=30) for _ in range(3)]
        await eventually(lambda: value("vllm:num_requests_waiting") == 2)
        assert value("vllm:num_requests_running") == 1
        await eventually(lambda: (value("vllm:kv_cache_usage_perc") or 0) > 0)
        assert of_engine("slots_busy") == 1
        written = value("promptweave_generation_tokens_total") or 0
        for _ in range(3):
            await calls[0].read()
        for call in calls:
            call.cancel()
        # What nobody wanted any more was written all the same.
        await eventually(lambda: (value("promptweave_generation_tokens_total") or 0) > written)
        await eventually(lambda: (value("vllm:num_requests_waiting"), value("vllm:num_requests_running")) == (0, 0))
        os.kill(engine.pid or 0, signal.SIGKILL)
        await watch.until_heard(True, False, True)
        assert of_engine("crashes_total") == 1


async def test_everything_that_a_scrape_finds_moves(demo_model: Path) -> None:
    """The service as a process, asked as Prometheus asks: before and after some work, amid a load, and after two crashes."""
    where = f"127.0.0.1:{free_port()}"
    async with service(demo_model, metrics=where) as process, channel(await address_of(process)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        idle = await scraped(where)
        words = "some words to begin with "
        for more in ("", "and some more"):
            await answer(stub, request(program(text(words + more), gbnf='root ::= "xyz"')))
        worked = await scraped(where)
        grown = {name for name, value in worked.items() if value > idle.get(name, 0.0)}
        assert grown >= {
            "promptweave_prompt_tokens_total",
            "promptweave_cached_prompt_tokens_total",
            "promptweave_generation_tokens_total",
            *(f"promptweave_{time}_seconds_{part}" for time in TIMES for part in ("count", "sum")),
        }
        assert 0 < worked["promptweave_cached_prompt_tokens_total"] / worked["promptweave_prompt_tokens_total"] < 1
        assert {name.partition("{")[0] for name in worked} >= {f"promptweave_{time}_seconds_bucket" for time in TIMES}
        # With a grammar, which is in use at both crashes.
        calls = [stub.Generate(endless(), timeout=60) for _ in range(3)]
        await calls[0].read()
        await until(where, {"vllm:num_requests_running": 1, "vllm:num_requests_waiting": 2, series("slots_busy"): 1})
        assert 0 < (await scraped(where))["vllm:kv_cache_usage_perc"] <= 1
        for call in calls[1:]:
            call.cancel()
        for crashes in (1, 2):
            os.kill(engine_of(process), signal.SIGSEGV)
            await until(where, {series("crashes_total"): crashes, series("up"): 1})
            if crashes == 1:
                calls.append(stub.Generate(endless(), timeout=60))
                await calls[-1].read()
        await until(where, {"promptweave_quarantined_grammars": 1, "vllm:num_requests_running": 0})
        for call in calls:
            call.cancel()


CHAT = {"role": "chat", "endpoint": ""}
"""The labels of a managed engine for chat."""
TIMES = ("time_to_first_token", "time_per_output_token")


def series(name: str) -> str:
    """Return the name of a metric of the engine for chat, with its labels, as in a scrape."""
    return f'promptweave_engine_{name}{{endpoint="",role="chat"}}'


async def scraped(where: str) -> dict[str, float]:
    """All that is shown, by name and labels."""
    async with httpx.AsyncClient(trust_env=False, timeout=LONG_S) as http:
        shown = (await http.get(f"http://{where}/metrics")).text
    lines = (line.rpartition(" ") for line in shown.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def until(where: str, expected: dict[str, float]) -> None:
    """Waits until it shows that."""
    async with asyncio.timeout(LONG_S):
        while not expected.items() <= (await scraped(where)).items():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def test_an_engine_beside_it(demo_model: Path, tmp_path: Path) -> None:
    registry, file = CollectorRegistry(), tmp_path / "embedder.gguf"
    write_embedding_model(file)
    given = options(demo_model, embedding_model=file)
    side = AuxiliaryEngines.supervised(given)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"promptweave_engine_{name}", {"role": "embedding", "endpoint": ""})

    embedder = side.engines[EngineRole.EMBEDDING]
    assert isinstance(embedder, Supervisor)
    async with calling(Supervisor(given), registry, side), watched(embedder) as watch:
        assert (value("up"), value("requests_running"), value("crashes_total")) == (1, 0, 0)
        os.kill(embedder.pid or 0, signal.SIGKILL)
        await watch.until_heard(True, False, True)
        assert value("crashes_total") == 1
    assert value("up") == 0


def test_names_are_what_prometheus_reads(demo_model: Path) -> None:
    registry = CollectorRegistry()
    registry.register(EngineMetrics(EngineBalancer({"": Supervisor(options(demo_model))}), NO_AUXILIARY_ENGINES))
    shown = generate_latest(registry).decode()
    for name in ("vllm:num_requests_waiting", "vllm:num_requests_running", "vllm:kv_cache_usage_perc"):
        assert f"# TYPE {name} gauge\n{name} 0.0\n" in shown
