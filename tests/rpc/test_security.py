"""Who may call: certificates, tokens, and both renewed while the server runs."""

import asyncio
import datetime
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from promptweave.rpc import reloading_file
from promptweave.rpc.channel import Connection, channel
from promptweave.rpc.credentials import check_files
from promptweave.rpc.security import NO_SECURITY, Security, SecurityError
from promptweave.rpc.server import RpcServer
from tests.support.rpc.echo_server import SERVICE, TIMEOUT_S, echo, serving

pytestmark = pytest.mark.anyio

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading_file, "_LOOK_AGAIN_S", 0.0)


class Files:
    """A CA, and certificates in files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, name: str, by: trustme.CA | None = None, *, until: datetime.datetime | None = None) -> tuple[Path, Path]:
        """Writes a certificate and its key for this machine; replaces those of the same name."""
        issued = (by or self.authority).issue_cert("127.0.0.1", "localhost", not_after=until)
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return cert, key

    def security(self, name: str, *, by: trustme.CA | None = None, until: datetime.datetime | None = None) -> Security:
        """One end with a certificate of its own, which asks for the other's."""
        cert, key = self.issue(name, by, until=until)
        return Security(cert=cert, key=key, ca=self.ca)

    def copy_of_ca(self) -> Path:
        """For one end alone."""
        copy = self.folder / "own-ca.pem"
        copy.write_bytes(self.ca.read_bytes())
        return copy


def contents(file: Path) -> bytes:
    return file.read_bytes()


def put(file: Path, text: bytes) -> None:
    file.write_bytes(text)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    return Files(tmp_path)


@asynccontextmanager
async def served(security: Security) -> AsyncIterator[str]:
    """The address of a server that echoes."""
    server = RpcServer(security=security)
    services = serving(echo)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    try:
        yield address
    finally:
        await server.stop(0)


async def ask(connection: Connection, text: bytes = b"x") -> bytes:
    """One call, which is not repeated."""
    answer: bytes = await connection.channel.unary_unary(f"/{SERVICE}/Do")(text, timeout=TIMEOUT_S)
    return answer


async def refused(address: str, security: Security) -> grpc.StatusCode:
    """How a call ends that must not be answered."""
    connection = Connection(address, security)
    try:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(connection)
    finally:
        await connection.close()
    return caught.value.code()


async def test_both_ends_show_certificates(files: Files) -> None:
    async with served(files.security("server")) as address:
        connection = Connection(address, files.security("client"))
        assert await ask(connection, b"hello") == b"hello"
        await connection.close()


async def test_whoever_has_no_good_certificate_is_refused(files: Files) -> None:
    async with served(files.security("server")) as address:
        without = Security(ca=files.ca)
        stranger = files.security("stranger", by=trustme.CA())
        expired = files.security("expired", until=YESTERDAY)
        for security in (without, stranger, expired, NO_SECURITY):
            assert await refused(address, security) is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_the_client_does_not_trust_is_not_called(files: Files, tmp_path: Path) -> None:
    cert, key = files.issue("server", trustme.CA())
    async with served(Security(cert=cert, key=key)) as address:
        assert await refused(address, Security(ca=files.ca)) is grpc.StatusCode.UNAVAILABLE


async def test_renewed_certificates_are_used(files: Files) -> None:
    server, client = files.security("server"), files.security("client")
    async with served(server) as address:
        connection = Connection(address, client)
        assert await ask(connection) == b"x"
        # All is new, the CA, too.
        files.authority = trustme.CA()
        files.authority.cert_pem.write_to_path(str(files.ca))
        files.issue("server")
        assert await refused(address, Security(cert=client.cert, key=client.key, ca=files.ca)) is grpc.StatusCode.UNAVAILABLE
        files.issue("client")
        assert await ask(connection) == b"x"
        await connection.close()


async def test_calls_of_an_old_certificate_go_on(files: Files) -> None:
    going_on = asyncio.Event()

    async def wait(request: bytes, context: object) -> bytes:
        await going_on.wait()
        return request

    server = RpcServer(security=files.security("server"))
    services = serving(wait)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    connection = Connection(address, files.security("client"))
    first = asyncio.ensure_future(ask(connection, b"old"))
    await asyncio.sleep(0)
    files.issue("client")
    second = asyncio.ensure_future(ask(connection, b"new"))
    await asyncio.sleep(0)
    going_on.set()
    assert await asyncio.gather(first, second) == [b"old", b"new"]
    await connection.close()
    await server.stop(0)


@pytest.mark.parametrize("end", ["server", "client"])
@pytest.mark.parametrize(
    ("field", "broken", "told"),
    [
        pytest.param("cert", lambda whole, other: whole[: len(whole) // 2], "missing or damaged", id="half-a-certificate"),
        pytest.param("key", lambda whole, other: whole[: len(whole) // 2], "missing or damaged", id="half-a-key"),
        pytest.param("key", lambda whole, other: other, "another certificate", id="the-key-comes-later"),
        pytest.param("ca", lambda whole, other: whole + whole[: len(whole) // 2], "missing or damaged", id="half-a-bundle"),
    ],
)
async def test_files_that_are_being_written_change_nothing(
    files: Files,
    caplog: pytest.LogCaptureFixture,
    end: str,
    field: str,
    broken: Callable[[bytes, bytes], bytes],
    told: str,
) -> None:
    """Calls go on with what was there, on connections old and new; and with what is new as soon as it is whole."""
    ends = {name: files.security(name) for name in ("server", "client")}
    ends[end] = replace(ends[end], ca=files.copy_of_ca())
    file: Path = getattr(ends[end], field)
    whole, other = contents(file), contents(files.issue("other")[1])
    async with served(ends["server"]) as address:
        old, new = Connection(address, ends["client"]), Connection(address, ends["client"])
        assert await ask(old) == b"x"
        put(file, broken(whole, other))
        assert [await ask(old), await ask(new), await ask(old)] == [b"x", b"x", b"x"]
        assert [record.message for record in caplog.records if told in record.message and str(file) in record.message]
        with pytest.raises(SecurityError, match=told):
            check_files(ends[end])
        put(file, whole)
        late = Connection(address, ends["client"])
        assert [await ask(old), await ask(late)] == [b"x", b"x"]
        for connection in (old, new, late):
            await connection.close()


async def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(files: Files) -> None:
    cert, key = files.issue("server")
    encrypted = BestAvailableEncryption(b"secret")
    loaded = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
    with pytest.raises(SecurityError, match="the key is encrypted"):
        RpcServer(security=Security(cert=cert, key=key))


async def test_a_token(tmp_path: Path) -> None:
    file, other = tmp_path / "token", tmp_path / "other"
    file.write_text("secret\n")
    other.write_text("guess\n")
    async with served(Security(token_file=file)) as address:
        connection = Connection(address, Security(token_file=file))
        assert await ask(connection) == b"x"
        for security in (NO_SECURITY, Security(token_file=other)):
            assert await refused(address, security) is grpc.StatusCode.UNAUTHENTICATED
        async with channel(address) as open_to_all:
            health = health_pb2_grpc.HealthStub(open_to_all)
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        wrong = Connection(address, Security(token_file=other))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await health_pb2_grpc.HealthStub(wrong.channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await wrong.close()
        file.write_text("renewed\n")
        assert await ask(connection) == b"x"
        await connection.close()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        pytest.param(None, ("cert", "key"), id="nothing"),
        pytest.param("one", ("cert", "key"), id="no-pem"),
        pytest.param("one two", ("token_file",), id="two-words"),
        pytest.param("pässword", ("token_file",), id="not-ascii"),
        pytest.param(None, ("token_file",), id="no-token"),
    ],
)
def test_files_that_do_not_do(tmp_path: Path, text: str | None, fields: tuple[str, ...]) -> None:
    bad = tmp_path / "bad"
    if text:
        bad.write_text(text, "utf-8")
    security = Security(**dict.fromkeys(fields, bad))
    with pytest.raises(SecurityError, match=str(bad)):
        RpcServer(security=security)


def test_half_of_a_pair() -> None:
    with pytest.raises(SecurityError, match="must be given together"):
        Security(cert=Path("cert.pem"))
    with pytest.raises(SecurityError, match="--tls-cert"):
        RpcServer(security=Security(ca=Path("ca.pem")))


def test_what_can_no_longer_be_read_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "words"
    file.write_text("one")
    words = reloading_file.ReloadingFile([file], file.read_text)
    assert words.value() == "one"
    file.unlink()
    assert words.value() == words.value() == "one"
    assert len(caplog.records) == 1
    # Another reason is another line.
    file.mkdir()
    assert words.value() == words.value() == "one"
    assert len(caplog.records) == 2
    file.rmdir()
    file.write_text("two")
    assert words.value() == "two"
    os.utime(file, ns=(0, 0))
    assert words.value() == "two"
