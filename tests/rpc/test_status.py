"""Domain errors as gRPC status and back, over a real connection."""

from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from promptweave.errors import Code, PromptweaveError
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import UNKNOWN_REASON, RemoteError, to_status
from tests.support.rpc.echo_server import call, connected

pytestmark = pytest.mark.anyio

BROKEN_OFF = "the connection to a required service was lost"


async def over_the_wire(error: Exception) -> RemoteError:
    async def fail(request: bytes, context: Any) -> bytes:
        raise error

    async with connected(fail) as do:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(do, "unary_unary")
    return from_rpc_error(raised.value)


def values(error: PromptweaveError) -> dict[str, Any]:
    return {"code": error.code, "reason": error.reason} | vars(error)


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
async def test_every_code_comes_back(code: Code) -> None:
    sent = RemoteError(code, "ERROR_REASON_UNSUPPORTED", "what is wrong")
    assert values(await over_the_wire(sent)) == values(sent)


@pytest.mark.parametrize(
    "details",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"path": ""}, id="the-whole"),
        pytest.param({"path": "/tools/3/function/parameters/a~1b"}, id="path"),
        pytest.param({"metadata": {"prompt_tokens": "600", "context_size": "512"}}, id="metadata"),
        pytest.param({"retry_after_s": 0.0}, id="at-once"),
        pytest.param({"retry_after_s": 1.25}, id="retry"),
        pytest.param({"path": "/ü/😀", "metadata": {"ü": "\n\t"}, "retry_after_s": 3600.0}, id="all"),
    ],
)
async def test_every_detail_comes_back(details: dict[str, Any]) -> None:
    sent = RemoteError(Code.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", "Größe 😀\nsecond line", **details)
    assert values(await over_the_wire(sent)) == values(sent)


@pytest.mark.parametrize("character", ["x", "ü", "😀"])
async def test_long_texts_are_cut_and_not_lost(character: str) -> None:
    """Beyond some 8 KiB of headers a client sees RESOURCE_EXHAUSTED, and nothing of what was wrong."""
    long = character * 20_000
    sent = RemoteError(
        *(Code.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", f"what is wrong: {long}"),
        path=f"/{long}",
        metadata={"keyword": long},
    )
    got = await over_the_wire(sent)
    assert (got.code, got.reason) == (sent.code, sent.reason)
    assert got.message.startswith("what is wrong: ")
    assert got.message.endswith("…")
    assert got.path
    assert got.path.startswith(f"/{character}")


async def test_what_is_no_unicode_is_told_all_the_same() -> None:
    """JSON can spell half of a surrogate pair; an error may quote it."""
    sent = RemoteError(Code.INVALID_ARGUMENT, "ERROR_REASON_SCHEMA_INVALID", "no \ud800", path="/\ud800")
    got = await over_the_wire(sent)
    assert (got.code, got.reason, got.message, got.path) == (sent.code, sent.reason, "no ?", "/?")


def rpc_error(code: grpc.StatusCode, *details: Any, status_code: int | None = None) -> grpc.aio.AioRpcError:
    """An error as a client of another server sees it."""
    number = code.value[0] if status_code is None else status_code
    status = status_pb2.Status(code=number, message="theirs")
    for detail in details:
        if isinstance(detail, AnyMessage):
            status.details.append(detail)
        else:
            status.details.add().Pack(detail)
    trailing = ((rpc_status.GRPC_DETAILS_METADATA_KEY, status.SerializeToString()),)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details="theirs")


@pytest.mark.parametrize("code", grpc.StatusCode, ids=lambda code: code.name)
def test_codes_of_others(code: grpc.StatusCode) -> None:
    error = from_rpc_error(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=None))
    broken = dict.fromkeys((grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED), BROKEN_OFF)
    expected = Code[code.name] if code.name in Code.__members__ else Code.INTERNAL
    if code in broken:
        expected = Code.UNAVAILABLE
    told = {
        grpc.StatusCode.DEADLINE_EXCEEDED: "the request exceeded its time limit",
        grpc.StatusCode.UNAVAILABLE: "a required service is unreachable or stopping",
        **broken,
    }
    assert (error.code, error.reason, error.message) == (expected, UNKNOWN_REASON, told.get(code, code.name))


@pytest.mark.parametrize(
    ("error", "reason", "path"),
    [
        pytest.param(
            rpc_error(
                grpc.StatusCode.INTERNAL,
                error_details_pb2.DebugInfo(detail="x"),
                error_details_pb2.BadRequest(),
                error_details_pb2.ErrorInfo(reason="THEIRS"),
            ),
            "THEIRS",
            None,
            id="other-details",
        ),
        pytest.param(
            rpc_error(grpc.StatusCode.INTERNAL, error_details_pb2.ErrorInfo(reason="X"), status_code=3),
            UNKNOWN_REASON,
            None,
            id="contradiction",
        ),
        pytest.param(
            grpc.aio.AioRpcError(
                grpc.StatusCode.INTERNAL,
                grpc.aio.Metadata(),
                grpc.aio.Metadata((rpc_status.GRPC_DETAILS_METADATA_KEY, b"\xff\xff")),
                details="theirs",
            ),
            UNKNOWN_REASON,
            None,
            id="rubbish",
        ),
        pytest.param(
            rpc_error(
                grpc.StatusCode.INTERNAL,
                AnyMessage(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff"),
            ),
            UNKNOWN_REASON,
            None,
            id="rubbish-in-a-detail",
        ),
    ],
)
def test_details_of_others(error: grpc.aio.AioRpcError, reason: str, path: str | None) -> None:
    got = from_rpc_error(error)
    assert (got.reason, got.path, got.message) == (reason, path, "theirs")


def test_the_status_has_the_standard_details() -> None:
    """What clients of other languages find."""
    error = RemoteError(Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE", "wait", path="/a", retry_after_s=0.5)
    status = to_status(error)
    assert (status.code, status.message) == (code_pb2.UNAVAILABLE, "wait")
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert [detail.Unpack(kind) for detail, kind in zip(status.details, (info, bad, retry), strict=True)] == [True] * 3
    assert (info.reason, info.domain) == ("ERROR_REASON_ENGINE_UNAVAILABLE", "promptweave")
    assert [(item.field, item.description) for item in bad.field_violations] == [("/a", "wait")]
    assert retry.retry_delay.ToMilliseconds() == 500
