"""The service as a process: what it leaves behind when it ends, however it ends."""

import signal
from pathlib import Path

import psutil
import pytest

from promptweave.errors import Code
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, alive, eventually
from tests.support.inference.processes import address_of, engine_of, ready, service
from tests.support.inference.requests import endless, program, read_on, refused_rest, request

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a killed service leaves its socket's folder. Its name is short: a socket's path has hardly 100 characters."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("s")))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("kind", ["wheel", "binary"])
async def test_the_engine_does_not_outlive_the_service(
    demo_model: Path, fake: str, number: signal.Signals, kind: str
) -> None:
    engine = fake if kind == "binary" else ""
    async with service(demo_model, engine=engine) as process, channel(await address_of(process)) as connection:
        await ready(InferenceServiceStub(connection))
        pid = engine_of(process)
        process.send_signal(number)
        status = await process.wait()
        assert status == (0 if number != signal.SIGKILL else -signal.SIGKILL)
        if number != signal.SIGKILL:
            assert not alive(pid)
        await eventually(lambda: not alive(pid))


async def test_nor_where_it_is_killed_while_the_engine_starts(demo_model: Path, fake: str) -> None:
    async with service(demo_model, "--fake", "never", engine=fake) as process:
        await address_of(process)
        await eventually(lambda: psutil.Process(process.pid).children())
        pid = engine_of(process)
        process.kill()
        await eventually(lambda: not alive(pid))


async def test_a_stubborn_engine_is_killed_after_the_grace(demo_model: Path, fake: str) -> None:
    async with (
        service(demo_model, "--stubborn", engine=fake, grace_s=0.3) as process,
        channel(await address_of(process)) as connection,
    ):
        await ready(InferenceServiceStub(connection))
        pid = engine_of(process)
        process.terminate()
        assert await process.wait() == 0
        assert not alive(pid)


async def test_a_message_that_is_being_written_may_end_before_the_service_does(demo_model: Path) -> None:
    async with service(demo_model, grace_s=LONG_S) as process, channel(await address_of(process)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        call = stub.Generate(request(program(gbnf='root ::= "x"{500}')), timeout=LONG_S)
        await call.read()
        process.terminate()
        got = await read_on(call)
        assert (got.finish.usage.completion_tokens, got.finish.complete) == (501, True)
        assert await process.wait() == 0


async def test_a_message_that_does_not_end_is_cancelled_after_the_grace(demo_model: Path) -> None:
    async with service(demo_model, grace_s=0.3) as process, channel(await address_of(process)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        call = stub.Generate(endless(), timeout=LONG_S)
        await call.read()
        process.terminate()
        assert (await refused_rest(call)).code is Code.UNAVAILABLE
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("listen", "args", "message"),
    [
        pytest.param("127.0.0.1:0", ("--fake", "dying"), "error loading model: the fake was told to die", id="engine"),
        pytest.param("nonsense", (), "'nonsense' is not an address; use host:port or unix:/path", id="address"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_line(
    demo_model: Path, fake: str, listen: str, args: tuple[str, ...], message: str
) -> None:
    async with service(demo_model, *args, listen=listen, engine=fake) as process:
        _, said = await process.communicate()
        assert process.returncode == 1
        last = said.decode().splitlines()[-1]
        assert last.startswith("promptweave inference: ")
        assert message in last
        assert b"Traceback" not in said


async def test_the_key_of_the_engine_is_not_on_its_command_line(demo_model: Path, fake: str) -> None:
    async with service(demo_model, engine=fake) as process, channel(await address_of(process)) as connection:
        await ready(InferenceServiceStub(connection))
        engine = psutil.Process(engine_of(process))
        key = engine.environ()["LLAMA_API_KEY"]
        assert len(key) > 20
        assert key not in " ".join(engine.cmdline())
        (socket,) = {link.laddr for link in engine.net_connections("unix") if link.laddr}
        assert mode_of_folder(socket) == 0o700


def mode_of_folder(path: str) -> int:
    return Path(path).parent.stat().st_mode & 0o777
