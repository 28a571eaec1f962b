"""What travels with a call: the id of the request that it is made for."""

from typing import Any

import pytest

from promptweave.rpc.logs import REQUEST_ID
from promptweave.rpc.request_context import REQUEST_ID_HEADER, outgoing_metadata
from tests.support.rpc.echo_server import TIMEOUT_S, connected

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        pytest.param("req_0123", "req_0123", id="ours"),
        pytest.param("5f9c/ab:c.d-e+f=", "5f9c/ab:c.d-e+f=", id="theirs"),
        pytest.param(None, "None", id="none"),
        pytest.param("two words", "None", id="no-id"),
        pytest.param("x" * 129, "None", id="too-long"),
    ],
)
@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
async def test_the_request_id_travels(sent: str | None, taken: str, kind: str) -> None:
    async def seen(request: bytes, context: Any) -> bytes:
        return str(REQUEST_ID.get()).encode()

    async def seen_in_stream(request: bytes, context: Any) -> Any:
        yield str(REQUEST_ID.get()).encode()

    before = REQUEST_ID.set(sent)
    try:
        metadata = outgoing_metadata()
        assert metadata == (((REQUEST_ID_HEADER, sent),) if sent else ())
        REQUEST_ID.reset(before)
        async with connected(seen if kind == "unary_unary" else seen_in_stream, kind) as do:
            for given, expected in ((metadata, taken), ((), "None")):
                calling = do(b"", timeout=TIMEOUT_S, metadata=given)
                answers = [await calling] if kind == "unary_unary" else [answer async for answer in calling]
                assert answers == [expected.encode()]
    finally:
        REQUEST_ID.set(None)
