"""What the compiler's service answers from memory: the same as a worker would, and only what stays right."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from promptweave.compiler.main import count_lookups
from promptweave.compiler.service.response_cache import ResponseCache
from promptweave.compiler.service.servicer import PromptCompiler
from promptweave.compiler.service.worker import answer
from promptweave.compiler.service.worker_pool import WorkerPool
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.rpc.status import RemoteError
from promptweave.v1 import prompt_compiler_pb2
from tests.support.compiler.wire_requests import request

CLOCKS = {
    "{{ strftime_now('%H:%M:%S.%f') }}": False,
    "{{ date_string }}": False,
    "{{ ['a', 'b'] | random }}": True,
    "{{ messages[0].content }}": True,
    "the strftime_nowhere and a random_thing": True,
}


@dataclass
class Worker:
    """Answers as a worker does, in this process, and counts."""

    calls: list[str] = field(default_factory=list)

    async def call(self, method: str, data: bytes) -> tuple[bytes, bytes]:
        self.calls.append(method)
        return answer(method.encode(), data)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker()
    monkeypatch.setattr(WorkerPool, "call", lambda _, method, data: worker.call(method, data))
    return worker


@pytest.fixture
def service(worker: Worker) -> PromptCompiler:
    return PromptCompiler(WorkerPool(), ResponseCache())


pytestmark = pytest.mark.anyio


def ref(source: str) -> prompt_compiler_pb2.TemplateRef:
    return prompt_compiler_pb2.TemplateRef(inline=prompt_compiler_pb2.Template(source=source))


async def test_the_same_call_is_answered_once(service: PromptCompiler, worker: Worker) -> None:
    first = await service.Compile(request(), None)
    by_hash = request(template=prompt_compiler_pb2.TemplateRef(content_hash=first.template_hash))
    assert await service.Compile(by_hash, None) == first
    assert worker.calls == ["Compile"]
    assert (await service.Compile(request(explain=True), None)).HasField("explanation")
    assert worker.calls == ["Compile", "Compile"]


async def test_methods_are_told_apart(service: PromptCompiler, worker: Worker) -> None:
    schema = prompt_compiler_pb2.CompileSchemaRequest(schema='{"enum": [1, 2]}')
    assert await service.CompileSchema(schema, None) == await service.CompileSchema(schema, None)
    described = prompt_compiler_pb2.DescribeTemplateRequest(template=request().template)
    assert (await service.DescribeTemplate(described, None)).template_hash
    assert await service.DescribeTemplate(described, None) == await service.DescribeTemplate(described, None)
    assert worker.calls == ["CompileSchema", "DescribeTemplate"]


@pytest.mark.parametrize(("source", "lasts"), CLOCKS.items())
async def test_what_the_clock_changes_is_asked_anew(
    service: PromptCompiler, worker: Worker, source: str, *, lasts: bool
) -> None:
    for _ in range(2):
        await service.Compile(request(template=ref(source + "{{ messages[0].content }}"), tools=[]), None)
    assert len(worker.calls) == (1 if lasts else 2)
    assert ChatTemplate("", named={"tool_use": source}).reads_clock is not lasts


async def test_a_moment_that_is_told_is_part_of_the_call(service: PromptCompiler, worker: Worker) -> None:
    for seconds in (86400, 86400, 2 * 86400):
        asked = request(template=ref("{{ strftime_now('%d') }} {{ messages[0].content }}"), tools=[])
        asked.now.seconds = seconds
        text = (await service.Compile(asked, None)).prompt.segments[0].text
        assert text == ("02 weather?" if seconds == 86400 else "03 weather?")
    assert len(worker.calls) == 2


def test_a_draw_is_of_the_first() -> None:
    """By name, and by what `map` looks up: a prompt can be made again."""
    source = "{{ ['a', 'b'] | random }}{{ [['c', 'd']] | map('ran' ~ 'dom') | first }}"
    assert {ChatTemplate(source).render([], now=datetime(2024, 1, 1, tzinfo=UTC)) for _ in range(20)} == {"ac"}


async def test_errors_are_not_remembered(service: PromptCompiler, worker: Worker) -> None:
    for _ in range(2):
        with pytest.raises(RemoteError):
            await service.Compile(request(template=ref("{% if %}")), None)
    assert len(worker.calls) == 2


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=40))
def test_never_more_bytes_than_it_may(puts: list[tuple[int, int]]) -> None:
    answers, newest = ResponseCache(max_bytes=4 * 256), dict[bytes, bytes]()
    for name, size in puts:
        key = bytes([name])
        newest[key] = bytes(size)
        answers.put(key, newest[key])
        kept = [found for each in newest if (found := answers.get(each)) is not None]
        assert sum(256 + len(each) for each in kept) <= 4 * 256
        assert answers.get(key) == newest[key]
        assert all(answers.get(each) in (None, kept) for each, kept in newest.items())


def test_the_one_asked_for_longest_ago_goes_first() -> None:
    lookups: list[bool] = []
    answers = ResponseCache(max_bytes=2 * (256 + 1), on_lookup=lookups.append)
    for key in (b"a", b"b"):
        answers.put(key, b".")
    assert answers.get(b"a")
    answers.put(b"c", b".")
    assert (answers.get(b"a"), answers.get(b"b"), answers.get(b"c")) == (b".", None, b".")
    assert lookups == [True, True, False, True]
    answers.put(b"large", bytes(65))
    assert (answers.get(b"large"), answers.get(b"c")) == (None, b".")


def test_hits_and_misses_are_counted() -> None:
    registry = CollectorRegistry()
    answers = ResponseCache(on_lookup=count_lookups(registry))
    answers.put(b"a", b".")
    for key in (b"a", b"b", b"a", b"c", b"a"):
        answers.get(key)
    names = ("cache_hits", "cache_misses", "answers_from_memory")
    assert [registry.get_sample_value(f"promptweave_compiler_{name}_total") for name in names] == [3, 2, 3]
