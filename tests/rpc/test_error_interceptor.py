"""What callers see of errors, in every kind of call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from promptweave.errors import Code, PromptweaveError
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import INTERNAL_MESSAGE
from tests.support.rpc.echo_server import SERVICE, call, connected, echo

pytestmark = pytest.mark.anyio

KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
SECRET = "password hunter2"


class _DomainError(PromptweaveError):
    code = Code.NOT_FOUND
    reason = "ERROR_REASON_MODEL_NOT_FOUND"


def behaviour(kind: str, error: Exception | None, written: int = 0) -> Any:
    """A method that writes some responses and then fails, if there is an error."""

    async def read(request: Any) -> None:
        if kind.startswith("stream"):
            async for _ in request:
                pass

    async def answer(request: Any, context: Any) -> bytes:
        await read(request)
        if error:
            raise error
        return b"0"

    async def stream(request: Any, context: Any) -> AsyncIterator[bytes]:
        await read(request)
        for place in range(written):
            yield str(place).encode()
        if error:
            raise error

    return answer if kind.endswith("unary") else stream


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        pytest.param(_DomainError("no a"), Code.NOT_FOUND, "ERROR_REASON_MODEL_NOT_FOUND", "no a", id="domain"),
        pytest.param(PromptweaveError("broken"), Code.INTERNAL, "ERROR_REASON_INTERNAL", "broken", id="internal"),
        pytest.param(KeyError(SECRET), Code.INTERNAL, "ERROR_REASON_INTERNAL", INTERNAL_MESSAGE, id="unknown"),
        pytest.param(
            NotImplementedError(SECRET),
            Code.UNIMPLEMENTED,
            "ERROR_REASON_UNSUPPORTED",
            f"/{SERVICE}/Do is not supported by this version",
            id="unserved",
        ),
    ],
)
async def test_errors(
    kind: str, error: Exception, code: Code, reason: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(behaviour(kind, error), kind) as do:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(do, kind)
    got = from_rpc_error(raised.value)
    assert (got.code, got.reason, got.message) == (code, reason, message)
    assert SECRET not in repr(raised.value)
    # What nobody is told is in the log; what was the caller's fault is not.
    assert bool(caplog.records) == (code is Code.INTERNAL)
    assert (SECRET in caplog.text) == isinstance(error, KeyError)


@pytest.mark.parametrize("kind", KINDS)
async def test_without_an_error(kind: str) -> None:
    async with connected(behaviour(kind, None, written=3), kind) as do:
        assert await call(do, kind) == ([b"0"] if kind.endswith("unary") else [b"0", b"1", b"2"])


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
async def test_what_was_written_before_an_error_arrives(kind: str) -> None:
    async with connected(behaviour(kind, _DomainError("later"), written=2), kind) as do:
        calling = do(iter([b"x"]) if kind == "stream_stream" else b"x", timeout=30)
        assert [await calling.read(), await calling.read()] == [b"0", b"1"]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await calling.read()
    assert from_rpc_error(raised.value).message == "later"


async def test_a_method_that_ends_the_call_itself() -> None:
    async def abort(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")
        return b""

    async with connected(abort) as do:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(do, "unary_unary")
    assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.DATA_LOSS, "gone")


async def test_a_method_that_there_is_not() -> None:
    async with connected(echo, method="Other") as do:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(do, "unary_unary")
    assert from_rpc_error(raised.value).code is Code.UNIMPLEMENTED


@pytest.mark.parametrize("writes", [True, False], ids=["writes", "waits"])
@pytest.mark.parametrize("yields", [True, False], ids=["generator", "coroutine"])
async def test_cancelling_finds_the_method_inside(writes: bool, yields: bool) -> None:
    """Whatever it does: what its `finally` frees is free at once."""
    ended = asyncio.Event()

    async def generator(request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            while True:
                if writes:
                    yield b"x" * 100_000
                else:
                    await asyncio.sleep(1000)
        finally:
            ended.set()

    async def coroutine(request: bytes, context: Any) -> None:
        try:
            await context.write(b"first")
            while True:
                await (context.write(b"x" * 100_000) if writes else asyncio.sleep(1000))
        finally:
            ended.set()

    async with connected(generator if yields else coroutine, "unary_stream") as do:
        calling = do(b"x", timeout=30)
        assert await calling.read() == b"first"
        await asyncio.sleep(0.05)
        calling.cancel()
        async with asyncio.timeout(30):
            await ended.wait()
