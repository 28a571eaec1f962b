"""Several engines as one: which one a message goes to, and what becomes of it when that one goes away."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from promptweave.demo import shipped_model
from promptweave.errors import Code
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine import remote
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.engine.model_identity import SameModelGuard
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.errors import EngineUnavailableError
from promptweave.inference.generation import generate
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.managed_process import OnReady
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import Caller, SlotQueue
from promptweave.v1 import inference_pb2
from tests.support.inference.in_process import LONG_S, calling, eventually, watched
from tests.support.inference.processes import external_server, free_port
from tests.support.inference.requests import answer, answers, literal_grammar, program, refused, request, text

pytestmark = pytest.mark.anyio

KEYS = [f"conversation {number}" for number in range(600)]


class Fixed:
    """An engine that is what it is said to be."""

    crash_count = 0

    def __init__(self, slots: int = 1, context_size: int = 512) -> None:
        facts = ModelInfo("m", "e", context_size, slots, "", "", adds_bos=False, template=None)
        client = EngineClient("http://nowhere")
        self.up = True
        self.engine = ReadyEngine(client, facts, SlotQueue(slots, 100), Quarantine(), Watchdog(client, 60.0))

    def ready(self) -> ReadyEngine:
        if not self.up:
            raise EngineUnavailableError("it is not there")
        return self.engine

    async def run(self, on_ready: OnReady) -> None:
        raise NotImplementedError


def chosen(pool: EngineBalancer, key: str) -> str:
    engine = pool.for_prefix(key).ready()
    return next(name for name, each in pool.ready_engines().items() if each is engine)


@asynccontextmanager
async def at_work(*engines: tuple[Fixed, int]) -> AsyncIterator[None]:
    """While so many calls hold, or wait for, slots of these engines."""
    tasks = []

    async def hold(queue: SlotQueue) -> None:
        async with queue.slot(Caller()):
            await asyncio.Event().wait()

    for fixed, calls in engines:
        queue = fixed.engine.slot_queue
        wanted = queue.running + queue.waiting + calls
        tasks += [asyncio.create_task(hold(queue)) for _ in range(calls)]
        await eventually(lambda queue=queue, wanted=wanted: queue.running + queue.waiting == wanted)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_what_begins_alike_comes_to_one_engine_and_each_has_its_share() -> None:
    pool = EngineBalancer({"a": Fixed(2), "b": Fixed(2), "c": Fixed(4)})
    places = {key: chosen(pool, key) for key in KEYS}
    assert places == {key: chosen(pool, key) for key in KEYS}
    shares = Counter(places.values())
    assert all(abs(shares[name] / len(KEYS) - share) < 0.08 for name, share in (("a", 0.25), ("b", 0.25), ("c", 0.5)))


def test_an_engine_that_goes_changes_no_other_place() -> None:
    engines = {name: Fixed() for name in "abcd"}
    pool = EngineBalancer(engines)
    before = {key: chosen(pool, key) for key in KEYS}
    engines["b"].up = False
    after = {key: chosen(pool, key) for key in KEYS}
    assert all(after[key] == place for key, place in before.items() if place != "b")
    assert {after[key] for key, place in before.items() if place == "b"} == {"a", "c", "d"}
    engines["b"].up = True
    assert before == {key: chosen(pool, key) for key in KEYS}


async def test_who_finds_its_engine_full_goes_to_one_with_room() -> None:
    engines = {name: Fixed(2) for name in "abc"}
    pool = EngineBalancer(engines)
    key = next(key for key in KEYS if chosen(pool, key) == "a")
    async with at_work((engines["a"], 1)):
        assert chosen(pool, key) == "a"
    async with at_work((engines["a"], 2)):
        second = chosen(pool, key)
        assert second != "a"
        async with at_work((engines[second], 2)):
            # It is no more than twice its share: worth the wait.
            assert chosen(pool, key) == "a"
            async with at_work((engines["a"], 4)):
                assert chosen(pool, key) == second


async def test_without_a_key_the_one_with_the_most_room() -> None:
    engines = {"a": Fixed(1), "b": Fixed(4), "c": Fixed(2)}
    pool = EngineBalancer(engines)
    async with at_work((engines["a"], 1), (engines["b"], 1), (engines["c"], 1)):
        assert chosen(pool, "") == "b"
        async with at_work((engines["b"], 3)):
            assert chosen(pool, "") == "c"


def test_one_that_did_not_answer_is_not_chosen_before_it_does() -> None:
    engines = {name: Fixed() for name in "ab"}
    pool = EngineBalancer(engines)
    key = next(key for key in KEYS if chosen(pool, key) == "a")
    engines["a"].engine.client.is_responding = False
    assert chosen(pool, key) == chosen(pool, "") == "b"
    engines["b"].up = False
    assert chosen(pool, key) == "a"
    engines["a"].up = False
    with pytest.raises(EngineUnavailableError, match="it is not there; it is not there"):
        pool.ready()


def test_what_is_told_of_all_holds_for_each() -> None:
    pool = EngineBalancer({"a": Fixed(2, 4096), "b": Fixed(3, 1024)})
    facts = pool.model_info()
    assert (facts.slots, facts.context_size, facts.llguidance) == (5, 1024, False)


def facts(**traits: object) -> ModelInfo:
    return ModelInfo("m", "e", 512, 1, "", "", adds_bos=False, template=None, identity=traits)


def test_the_first_that_is_there_says_which_model_it_is() -> None:
    others = SameModelGuard(["a", "b", "c"])
    # It was quicker than those before it, who may be there as well.
    assert [others.must_wait(name) for name in "abc"] == [False, True, True]
    others.mark_asked("c")
    others.mark_asked("a")  # It is not there.
    assert [others.must_wait(name) for name in "abc"] == [False, False, True]
    assert others.admit("b", facts(sizes=2)) is None
    others.mark_asked("b")
    assert not others.must_wait("c")
    why = others.admit("c", facts(sizes=1))
    assert why is not None
    assert "differs from that of b (m) in sizes" in why
    assert others.admit("a", facts(sizes=2)) is None
    # All have gone: what comes back may have another model.
    others.remove("a")
    assert others.admit("c", facts(sizes=1)) is not None
    others.remove("b")
    assert others.admit("c", facts(sizes=1)) is None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_POLL_S", 0.05)
    monkeypatch.setattr(generate, "_RESPONDING_CHECK_S", 0.1)


@asynccontextmanager
async def pooled(
    models: Sequence[Path], hang_timeout_s: float = 60.0
) -> AsyncIterator[tuple[EngineBalancer, list[asyncio.subprocess.Process]]]:
    """Servers of others, each with one slot, and the pool of them."""
    ports = [free_port() for _ in models]
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(external_server(model, port)) for model, port in zip(models, ports, strict=True)
        ]
        pool = endpoints(
            InferenceOptions(endpoints=tuple(f"http://127.0.0.1:{port}" for port in ports), hang_timeout_s=hang_timeout_s)
        )
        await stack.enter_async_context(watched(pool))
        yield pool, processes


async def all_there(pool: EngineBalancer, number: int) -> list[str]:
    """The names of those that are there, once they are so many."""
    await eventually(lambda: len(pool.ready_engines()) == number)
    return [*pool.ready_engines()]


def asked(key: str, words: str = "x", **fields: object) -> inference_pb2.GenerateRequest:
    prompt = program(text(f"{key}: a long beginning, which takes a while"), gbnf=literal_grammar(words), prefix_key=key)
    return request(prompt, **fields)


def key_of(pool: EngineBalancer, name: str) -> str:
    """A key whose messages this engine writes while it has room."""
    return next(key for key in KEYS if chosen(pool, key) == name)


@pytest.mark.usefixtures("quick")
async def test_conversations_come_back_and_all_slots_are_used(demo_model: Path) -> None:
    registry = CollectorRegistry()
    async with pooled([demo_model] * 3) as (pool, _), calling(pool, registry) as stub:
        names = await all_there(pool, 3)
        model = (await stub.GetModel(inference_pb2.GetModelRequest(), timeout=LONG_S)).model
        assert (model.slots, model.context_size) == (3, 512)
        first, again = [[await answer(stub, asked(key_of(pool, name))) for name in names] for _ in range(2)]
        assert [each.finish.usage.cached_tokens for each in first] == [0, 0, 0]
        assert all(each.finish.usage.cached_tokens > 10 for each in again)
        async with AsyncExitStack() as stack:
            for engine in pool.ready_engines().values():
                await stack.enter_async_context(engine.slot_queue.slot(Caller()))
            waiting = asyncio.create_task(answer(stub, asked(key_of(pool, names[1]))))
            await eventually(lambda: pool.ready_engines()[names[1]].slot_queue.waiting)
            told = generate_latest(registry).decode()
            for name in names:
                assert f'promptweave_engine_up{{endpoint="{name}",role="chat"}} 1.0' in told
                assert f'promptweave_engine_requests_running{{endpoint="{name}",role="chat"}} 1.0' in told
                number = float(name == names[1])
                assert f'promptweave_engine_requests_waiting{{endpoint="{name}",role="chat"}} {number}' in told
                assert f'promptweave_engine_slots{{endpoint="{name}",role="chat"}} 1.0' in told
            assert "vllm:num_requests_running 3.0" in told
            assert "vllm:num_requests_waiting 1.0" in told
        assert (await waiting).content == "x"
        # Messages of one call are spread, too.
        assert [each.content for each in await answers(stub, asked("k", "xy", n=5))] == ["xy"] * 5


@pytest.mark.usefixtures("quick")
async def test_what_was_not_begun_is_written_by_another_one(demo_model: Path) -> None:
    async with pooled([demo_model] * 2) as (pool, processes), calling(pool) as stub:
        names = await all_there(pool, 2)
        lost, other = names
        full = pool.ready_engines()
        async with full[lost].slot_queue.slot(Caller()):
            async with full[other].slot_queue.slot(Caller()):
                # Both are full, so these wait, some for each.
                waiting = [asyncio.create_task(answer(stub, asked(key))) for key in KEYS[:6]]
                await eventually(lambda: sum(engine.slot_queue.waiting for engine in full.values()) == 6)
                assert full[lost].slot_queue.waiting
                processes[0].kill()
                await eventually(lambda: [*pool.ready_engines()] == [other])
            # Those that waited for the one that is gone wait for the other one.
            assert [each.content for each in await asyncio.gather(*waiting)] == ["x"] * 6


@pytest.mark.usefixtures("quick")
async def test_one_that_stands_still_is_noticed_and_comes_back(demo_model: Path) -> None:
    async with pooled([demo_model] * 2, hang_timeout_s=1.0) as (pool, processes), calling(pool) as stub:
        names = await all_there(pool, 2)
        key = key_of(pool, names[0])
        os.kill(processes[0].pid, signal.SIGSTOP)
        try:
            # Nobody knows yet; the connection is there, and nothing comes.
            assert (await answer(stub, asked(key))).content == "x"
            await eventually(lambda: [*pool.ready_engines()] == names[1:])
            assert (await answer(stub, asked(key))).content == "x"
        finally:
            os.kill(processes[0].pid, signal.SIGCONT)
        await all_there(pool, 2)
        assert chosen(pool, key) == names[0]


@pytest.mark.usefixtures("quick")
async def test_one_with_another_model_is_left_out(demo_model: Path) -> None:
    ports = [free_port() for _ in range(3)]
    pool = endpoints(InferenceOptions(endpoints=tuple(f"http://127.0.0.1:{port}" for port in ports)))
    first, odd, last = pool.engines

    def problem() -> str:
        with pytest.raises(EngineUnavailableError) as raised:
            pool.engines[odd].ready()
        return raised.value.message

    async with watched(pool, ready=False), calling(pool) as stub:
        async with external_server(demo_model, ports[0]) as server:
            await eventually(lambda: [*pool.ready_engines()] == [first])
            async with external_server(shipped_model(), ports[1]), external_server(demo_model, ports[2]) as other:
                await eventually(lambda: [*pool.ready_engines()] == [first, last])
                await eventually(lambda: "is excluded" in problem())
                assert f"differs from that of {first}" in problem()
                assert "in chat templates, sizes, tokens of a text, vocabularies" in problem()
                server.kill()
                await eventually(lambda: [*pool.ready_engines()] == [last])
                assert (await answer(stub, asked("k"))).content == "x"
                other.kill()
                # None with that model is there any more.
                await eventually(lambda: [*pool.ready_engines()] == [odd])
                assert (await answer(stub, asked("k"))).content == "x"
        await eventually(lambda: not pool.ready_engines())
        assert (await refused(stub, asked("k"))).code is Code.UNAVAILABLE


@pytest.mark.usefixtures("quick")
async def test_the_service_is_ready_as_long_as_one_is(demo_model: Path) -> None:
    ports = [free_port(), free_port()]
    pool = endpoints(InferenceOptions(endpoints=tuple(f"http://127.0.0.1:{port}" for port in ports)))
    async with watched(pool, ready=False) as watch:
        async with external_server(demo_model, ports[1]):
            await watch.until_heard(True)
            async with external_server(demo_model, ports[0]):
                await all_there(pool, 2)
            await all_there(pool, 1)
            assert watch.heard == [True]
        await watch.until_heard(True, False)
        assert pool.crash_count == 2
