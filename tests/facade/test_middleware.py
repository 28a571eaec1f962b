"""Authentication, rate limits, and the headers of every response."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from promptweave.facade.app import create_app
from promptweave.facade.errors import OPENAI_ERRORS, KeyFileError
from promptweave.facade.http.api_keys import Keys
from promptweave.facade.http.middleware import AuthMiddleware
from promptweave.facade.http.rate_limits import RateLimits
from promptweave.facade.options import FacadeOptions
from promptweave.rpc import reloading_file
from tests.support.facade.openai_errors import check
from tests.support.serving import Serving, running, serving

pytestmark = pytest.mark.anyio
LET_IN = 404  # A route that is not there needs no service.


@asynccontextmanager
async def facade(**options: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(FacadeOptions(**options), asyncio.Event()))
    async with httpx.AsyncClient(transport=transport, base_url="http://facade") as client:
        yield client


async def status(client: httpx.AsyncClient, **headers: str) -> int:
    return (
        await client.get("/v1/nothing", headers={name.replace("_", "-"): value for name, value in headers.items()})
    ).status_code


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading_file, "_LOOK_AGAIN_S", 0.0)


async def test_each_of_several_keys_is_taken() -> None:
    async with facade(api_keys=("one", "zwölf")) as client:
        assert await status(client) == 401
        assert await status(client, authorization="Bearer two") == 401
        assert await status(client, authorization="Basic one") == 401
        assert await status(client, authorization="Bearer one") == LET_IN
        assert await status(client, x_api_key="one") == LET_IN
        raw = await client.get("/v1/nothing", headers=[(b"authorization", "Bearer zwölf".encode())])
        assert raw.status_code == LET_IN
        assert (await client.get("/v1/nothing", headers=[(b"authorization", b"Bearer \xff")])).status_code == 401
        assert (await client.get("/health")).status_code == 200


@pytest.mark.usefixtures("impatient")
async def test_keys_in_a_file_are_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\n\n  first \n")
    async with facade(api_keys=("given",), api_keys_file=file) as client:
        assert await status(client, authorization="Bearer first") == LET_IN
        assert await status(client, authorization="Bearer given") == LET_IN
        assert await status(client, authorization="Bearer # ours") == 401
        file.write_text("second\n")
        assert await status(client, authorization="Bearer first") == 401
        assert await status(client, authorization="Bearer second") == LET_IN
        file.unlink()
        for _ in range(3):
            assert await status(client, authorization="Bearer second") == LET_IN
        assert sum("keeping the previous contents" in record.message for record in caplog.records) == 1
        file.write_text("third")
        assert await status(client, authorization="Bearer third") == LET_IN


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda file: None, "No such file"),
        (lambda file: file.write_text("# nothing\n"), "contains no key"),
        (lambda file: file.write_bytes(b"\xff"), "UTF-8"),
        (lambda file: file.mkdir(), "directory"),
    ],
)
def test_a_file_without_keys_is_refused(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    make(tmp_path / "keys")
    with pytest.raises(KeyFileError, match=why):
        Keys(file=tmp_path / "keys")


async def test_each_key_has_its_requests_per_minute() -> None:
    async with facade(api_keys=("a", "b"), requests_per_minute=2) as client:
        left = []
        for _ in range(2):
            answer = await client.get("/v1/nothing", headers={"authorization": "Bearer a"})
            left.append((answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-remaining-requests"]))
        assert left == [("2", "1"), ("2", "0")]
        refused = await client.get("/v1/nothing", headers={"authorization": "Bearer a"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert 50 <= int(refused.headers["retry-after"]) <= 60
        assert await status(client, authorization="Bearer b") == LET_IN
        assert (await client.get("/health")).status_code == 200


async def test_each_address_has_its_requests_at_once() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await end.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    guard = AuthMiddleware(slow, None, RateLimits(None, 1))

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await guard({**scope, "state": {"request_id": "req_1", "error_format": OPENAI_ERRORS}}, receive, send)

    def client(address: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(with_state, client=(address, 1)), base_url="http://facade")

    async with client("1.1.1.1") as one, client("2.2.2.2") as two:
        first = asyncio.create_task(one.get("/"))
        await begun.wait()
        refused = await one.get("/")
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        other = asyncio.create_task(two.get("/"))
        end.set()
        assert [(await task).status_code for task in (first, other)] == [204, 204]
        assert (await one.get("/")).status_code == 204


async def test_pages_of_other_sites_are_kept_out_unless_let_in() -> None:
    asking = {"origin": "https://a.example", "access-control-request-method": "POST"}
    async with facade(api_keys=("k",)) as client:
        answer = await client.options("/v1/chat/completions", headers=asking)
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers
    async with facade(api_keys=("k",), cors_origins=("https://a.example",)) as client:
        answer = await client.options("/v1/chat/completions", headers=asking)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://a.example")
        other = await client.options("/v1/chat/completions", headers={**asking, "origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers
        page = await client.get("/v1/nothing", headers={"origin": "https://a.example", "authorization": "Bearer k"})
        assert page.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-request-id" in page.headers["access-control-expose-headers"]


async def test_every_answer_carries_an_id_and_security_headers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with facade() as client:
        answer = await client.get("/v1/nothing%0Aforged", params={"secret": "s3cret"})
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.headers["x-content-type-options"] == "nosniff"
        await client.get("/health")
    lines = [record.message for record in caplog.records if record.name.endswith("access")]
    assert len(lines) == 1
    assert answer.headers["x-request-id"] in lines[0]
    assert "404" in lines[0]
    assert "s3cret" not in lines[0]
    assert "\n" not in lines[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, ssl.SSLContext]:
    """A certificate of localhost, its key, and who trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return folder / "cert.pem", folder / "key.pem", context


def test_the_api_over_tls_with_keys_in_a_file(
    demo_model: Path, certificate: tuple[Path, Path, ssl.SSLContext], tmp_path: Path
) -> None:
    cert, key, trust = certificate
    (tmp_path / "keys").write_text("sesame\n")
    secure = ("--tls-cert", str(cert), "--tls-key", str(key), "--api-keys-file", str(tmp_path / "keys"))
    with serving("--model", str(demo_model), "--max-body-mib", "0.001", *secure) as served:
        assert served.url.startswith("https://")
        with httpx.Client(base_url=served.url, verify=trust, headers={"authorization": "Bearer sesame"}) as client:
            assert client.get("models").status_code == 200
            check(client.get("models", headers={"authorization": "Bearer no"}), 401, None, "invalid_api_key")
            check(client.post("chat/completions", content=b"x" * 2000), 413, None, "request_too_large")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--tls-cert", "nothing.pem"), "must be used together"),
        (("--tls-cert", "nothing.pem", "--tls-key", "nothing.pem"), "nothing.pem"),
        (("--api-keys-file", "nothing.txt"), "nothing.txt: No such file"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    served: Serving, arguments: tuple[str, ...], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    where = ("--port", "0", "--compiler", served.compiler, "--inference", served.inference)
    with pytest.raises(AssertionError, match="status 1"), running("facade", *where, *arguments, until="listening"):
        pass
    said = capfd.readouterr().err
    assert why in said
    assert len(said.splitlines()) == 1
