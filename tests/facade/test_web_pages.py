"""Without an API key, web pages cannot use the server: neither blind requests nor DNS rebinding."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from promptweave.facade.app import create_app
from promptweave.facade.options import FacadeOptions

pytestmark = pytest.mark.anyio
BODY = b'{"model": "m"}'
JSON = {"content-type": "application/json"}
LET_IN = 404  # A route that is not there needs no service.


async def post(headers: dict[str, str], path: str = "/v1/nothing", body: bytes = BODY, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(FacadeOptions(**options), asyncio.Event()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        return await client.post(path, content=body, headers=headers)


LOCAL = ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "192.168.0.7", "[::1]:8080", "box", "box.local.", "pw.localhost"]
CLUSTER = ["promptweave:8080", "promptweave.default.svc", "promptweave.default.svc.cluster.local:80"]
FOREIGN = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "a@evil.example", "[::1"]


@pytest.mark.parametrize("host", [*LOCAL, *CLUSTER, socket.gethostname()])
async def test_local_names_and_addresses_are_accepted(host: str) -> None:
    assert (await post({**JSON, "host": host})).status_code == LET_IN


@pytest.mark.parametrize("host", FOREIGN)
async def test_names_that_a_page_can_have_are_refused(host: str) -> None:
    refused = await post({**JSON, "host": host})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "host_not_allowed")
    assert "--allowed-host" in refused.json()["error"]["message"]


@pytest.mark.parametrize("allowed", ["ai.example", "AI.example", "*"])
async def test_an_allowed_name_is_accepted(allowed: str) -> None:
    assert (await post({**JSON, "host": "ai.example:8443"}, allowed_hosts=(allowed,))).status_code == LET_IN


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:8081", "http://localhost:8080", "file://"]
)
async def test_pages_of_other_origins_are_refused(origin: str) -> None:
    refused = await post({**JSON, "origin": origin})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "--cors-origin" in refused.json()["error"]["message"]


@pytest.mark.parametrize("host", ["", "evil.example"])
async def test_a_page_is_not_let_in_by_its_host(host: str) -> None:
    refused = await post({**JSON, "host": host, "origin": "http://evil.example" if host else "null"})
    assert refused.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "https://127.0.0.1:8080"])
async def test_its_own_pages_are_let_in(origin: str) -> None:
    assert (await post({**JSON, "origin": origin})).status_code == LET_IN


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
async def test_permitted_pages_are_let_in(allowed: str) -> None:
    assert (await post({**JSON, "origin": "https://app.example"}, cors_origins=(allowed,))).status_code == LET_IN


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/plain; a=application/json"])
async def test_bodies_that_a_page_may_send_blindly_are_refused(kind: str) -> None:
    refused = await post({"content-type": kind})
    assert (refused.status_code, refused.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert "application/json" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json; charset=utf-8", BODY),
        ("Application/JSON", BODY),
        ("application/problem+json", BODY),
        ("multipart/form-data; boundary=x", BODY),
        ("text/plain", b""),
        ("", BODY),
    ],
)
async def test_other_bodies_are_accepted(kind: str, body: bytes) -> None:
    assert (await post({"content-type": kind} if kind else {}, body=body)).status_code == LET_IN


async def test_errors_are_in_the_form_of_their_api() -> None:
    refused = await post({**JSON, "origin": "null"}, "/v1/messages")
    assert refused.json()["type"] == "error"


async def test_with_a_key_only_the_key_counts() -> None:
    headers = {"host": "ai.example", "origin": "https://app.example", "authorization": "Bearer k"}
    assert (await post(headers, api_keys=("k",))).status_code == LET_IN
    assert (await post({"host": "ai.example"}, api_keys=("k",))).status_code == 401


async def test_health_checks_are_open() -> None:
    transport = httpx.ASGITransport(create_app(FacadeOptions(), asyncio.Event()))
    async with httpx.AsyncClient(transport=transport, base_url="http://probe.example") as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 403
