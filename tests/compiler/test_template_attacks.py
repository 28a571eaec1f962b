"""Malicious templates: none runs code, crashes the service or delays another request."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import grpc.aio
import psutil
import pytest

from promptweave.compiler.service.servicer import register
from promptweave.compiler.service.worker_pool import CallTooLongError, WorkerPool
from promptweave.rpc.channel import channel
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.server import RpcServer
from promptweave.v1 import chat_pb2, prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub
from tests.support.compiler.templates import template

pytestmark = pytest.mark.anyio

LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"

DOUBLING = "{% set x = namespace(v='aaaa') %}{% for i in range(60) %}{% set x.v = x.v + x.v %}{% endfor %}"

FRUITLESS = [
    "{{ messages.append.__self__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ messages | attr('__class__') }}",
    "{{ messages | map(attribute='__class__') | list | length * 0 }}",
    "{{ strftime_now.__self__ }}",
]
"""What the sandbox answers with nothing."""

ATTACKS = [
    pytest.param("{{ ''.__class__.__mro__[1].__subclasses__() }}", "access to attribute '__class__'", id="classes"),
    pytest.param("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "access to attribute '__init__'", id="cycler"),
    pytest.param("{% include '/etc/passwd' %}", "no loader", id="include"),
    pytest.param("{% import 'os' as os %}{{ os }}", "no loader", id="import"),
    pytest.param("{% extends 'base' %}", "no loader", id="extends"),
    pytest.param("{{ lipsum() }}", "'lipsum' is undefined", id="lipsum"),
    pytest.param(f"\n\n{LOOP}", r"took longer than 2 s \(line 3 of the template\)", id="endless-loop"),
    pytest.param("{{ range(10 ** 9) | list }}", "Range too big", id="giant-range"),
    pytest.param("{{ 'a' * 10 ** 10 }}", "more than 16777216 elements", id="giant-string"),
    pytest.param("{{ [0] * 10 ** 10 }}", "more than 16777216 elements", id="giant-list"),
    pytest.param("{{ 10 ** (10 ** 8) }}", "number that is too large", id="giant-number"),
    pytest.param("{{ 'a'.ljust(10 ** 11) }}", "memory limit", id="giant-width"),
    pytest.param("{{ '%099999999999d' % 1 }}", "template", id="giant-format"),
    pytest.param("{{ '{:>99999999999}'.format(1) }}", "template", id="giant-format-spec"),
    pytest.param(DOUBLING, "memory limit", id="doubling"),
    pytest.param("{% for i in range(9999) %}{{ 'a' * 99999 }}{% endfor %}", "more than 16777216 char", id="endless-output"),
    pytest.param("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "infinite recursion", id="recursion"),
    pytest.param("{% for i in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}", "template", id="recursive-loop"),
    pytest.param("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply", id="deep-expression"),
    pytest.param("{% if x %}" * 5000 + "{% endif %}" * 5000, "template", id="deep-blocks"),
    pytest.param("{{ ((('a' * 5000) * 3000) | list) * 2 }}", "template", id="large-list"),
]  # fmt: skip


@pytest.fixture(scope="module")
async def compiler(anyio_backend: str) -> AsyncIterator[PromptCompilerServiceStub]:
    server, pool = RpcServer(), WorkerPool(cpu_s=8)
    services = register(server.grpc, pool)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    async with channel(address) as connection:
        yield PromptCompilerServiceStub(connection)
    await server.stop(0)
    await pool.close()


def request(source: str) -> prompt_compiler_pb2.CompileRequest:
    return prompt_compiler_pb2.CompileRequest(
        template=prompt_compiler_pb2.TemplateRef(inline=prompt_compiler_pb2.Template(source=source)),
        messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="hello")])],
    )


@pytest.mark.parametrize(("source", "message"), ATTACKS)
async def test_an_attack_is_an_invalid_argument_that_says_why(
    compiler: PromptCompilerServiceStub, source: str, message: str
) -> None:
    began = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await compiler.Compile(request(source), timeout=60)
    error = from_rpc_error(raised.value)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "ERROR_REASON_TEMPLATE_FAILED"
    assert re.search(message, error.message), error.message
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("source", FRUITLESS)
async def test_what_the_sandbox_hides_is_not_there(compiler: PromptCompilerServiceStub, source: str) -> None:
    answer = await compiler.Compile(request(source + "|{{ messages[0].content }}"), timeout=60)
    assert answer.prompt.segments[0].text in ("|hello", "0|hello")


async def test_no_attack_holds_up_another_request(compiler: PromptCompilerServiceStub) -> None:
    attacks = [asyncio.ensure_future(compiler.Compile(request(LOOP), timeout=60)) for _ in range(3)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    good = await compiler.Compile(request(template("tagged").source), timeout=60)
    assert good.prompt.segments
    assert not any(attack.done() for attack in attacks), "the attacks were over before"
    assert time.monotonic() - began < 20
    for attack in attacks:
        with pytest.raises(grpc.aio.AioRpcError):
            await attack


def workers() -> set[psutil.Process]:
    return {child for child in psutil.Process().children() if "promptweave.compiler.service.worker" in child.cmdline()}


async def test_a_worker_that_hangs_or_dies_is_replaced(anyio_backend: str) -> None:
    before = workers()
    pool = WorkerPool(size=1, wall_s=20)
    try:
        data = prompt_compiler_pb2.CompileSchemaRequest(schema='{"type": "null"}').SerializeToString()
        assert (await pool.call("CompileSchema", data))[0] == b"ok"
        (worker,) = workers() - before
        worker.suspend()
        with pytest.raises(Exception, match="longer than 20 s"):
            await pool.call("CompileSchema", data)
        assert not worker.is_running()
        assert (await pool.call("CompileSchema", data))[0] == b"ok"
        with pytest.raises(RuntimeError, match="a worker died in NoSuchMethod"):
            await pool.call("NoSuchMethod", data)
        assert (await pool.call("CompileSchema", data))[0] == b"ok"
    finally:
        await pool.close()


async def test_a_call_may_take_its_time_on_a_busy_machine(anyio_backend: str) -> None:
    """What counts is CPU time."""
    before, pool = workers(), WorkerPool(size=1, cpu_s=1)
    try:
        data = prompt_compiler_pb2.CompileSchemaRequest(schema='{"type": "null"}').SerializeToString()
        assert (await pool.call("CompileSchema", data))[0] == b"ok"
        (worker,) = workers() - before
        worker.suspend()
        call = asyncio.ensure_future(pool.call("CompileSchema", data))
        await asyncio.sleep(2)
        worker.resume()
        assert (await call)[0] == b"ok"
    finally:
        await pool.close()


async def test_a_call_that_computes_for_too_long_is_given_up(anyio_backend: str) -> None:
    pool = WorkerPool(size=1, cpu_s=0.2)
    try:
        # Its rendering alone may take ten times as long.
        with pytest.raises(CallTooLongError, match=r"longer than 0\.2 s of CPU time"):
            await pool.call("Compile", request(LOOP).SerializeToString())
    finally:
        await pool.close()


async def test_a_caller_who_goes_away_leaves_the_worker_to_others(anyio_backend: str) -> None:
    pool = WorkerPool(size=1)
    try:
        data = prompt_compiler_pb2.CompileSchemaRequest(schema='{"type": "null"}').SerializeToString()
        for _ in range(20):
            call = asyncio.ensure_future(pool.call("CompileSchema", data))
            await asyncio.sleep(0)
            call.cancel()
        answer = await pool.call(
            "CompileSchema", prompt_compiler_pb2.CompileSchemaRequest(schema="true").SerializeToString()
        )
        assert "json" in prompt_compiler_pb2.CompileSchemaResponse.FromString(answer[1]).grammar
    finally:
        await pool.close()


async def test_work_of_callers_that_left_does_not_go_on(anyio_backend: str) -> None:
    """A running call ends after the grace period, and queued ones never start."""
    before, pool = workers(), WorkerPool(size=1, grace_s=0.1)
    try:
        schema = prompt_compiler_pb2.CompileSchemaRequest(schema="{}").SerializeToString()
        await pool.call("CompileSchema", schema)
        (worker,) = workers() - before
        worker.suspend()  # It would take until the time limit.
        calls = [asyncio.ensure_future(pool.call("CompileSchema", schema)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert (pool.busy, pool.waiting) == (1, 4)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert (await asyncio.wait_for(pool.call("CompileSchema", schema), 20))[0] == b"ok"
        assert (pool.busy, pool.waiting) == (0, 0)
        assert not worker.is_running()
    finally:
        await pool.close()


async def test_a_call_that_is_about_to_finish_leaves_its_worker_alive(anyio_backend: str) -> None:
    before, pool = workers(), WorkerPool(size=1, grace_s=30)
    try:
        schema = prompt_compiler_pb2.CompileSchemaRequest(schema="{}").SerializeToString()
        await pool.call("CompileSchema", schema)
        (worker,) = workers() - before
        worker.suspend()
        call = asyncio.ensure_future(pool.call("CompileSchema", schema))
        await asyncio.sleep(0.1)
        call.cancel()
        await asyncio.wait([call])
        worker.resume()
        assert (await pool.call("CompileSchema", schema))[0] == b"ok"
        assert worker.is_running()
    finally:
        await pool.close()


async def test_a_client_that_hangs_up_over_grpc_leaves(compiler: PromptCompilerServiceStub) -> None:
    """Eight templates that would render for seconds, cancelled by their client: the next call does not wait for them."""
    attacks = [compiler.Compile(request(f"{LOOP}{number}"), timeout=60) for number in range(8)]
    await asyncio.sleep(0.3)
    for attack in attacks:
        attack.cancel()
    good = await compiler.Compile(request("{{ messages[0].content }}"), timeout=60)
    assert good.prompt.segments[0].text == "hello"
