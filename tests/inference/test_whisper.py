"""Transcription: whisper.cpp's server as a child that lives and dies by itself, and what is made of what it hears."""

import asyncio
import io
import json
import math
import os
import signal
import socket
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, generate_latest

from promptweave.inference import main
from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process import supervisor
from promptweave.inference.process.listen_address import LOOPBACK, reserved_port
from promptweave.inference.process.log import WHISPER_STYLE, EngineLog
from promptweave.inference.process.supervisor import Supervision
from promptweave.inference.transcription.languages import LANGUAGES, WITHOUT_SPACES, language_code
from promptweave.inference.transcription.model_file import read_whisper_model
from promptweave.inference.transcription.transcribe import words
from promptweave.inference.transcription.whisper_client import Token
from promptweave.rpc.channel import channel
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import RemoteError
from promptweave.v1.inference_pb2 import (
    MODEL_ROLE_TRANSCRIPTION,
    GetModelRequest,
    TranscribeRequest,
    TranscribeResponse,
)
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.fake_whisper_server import install, write_model
from tests.support.inference.in_process import LONG_S, alive, calling, eventually, watched
from tests.support.models.whisper_model import write_whisper_model

pytestmark = pytest.mark.anyio

ENGLISH_ONLY, NO_CANTONESE = 51864, 51865


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    return install(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "ggml-fake.bin")


def options(model: Path, server: str, *args: str, **given: Any) -> InferenceOptions:
    """A whisper server, and no engine of our own that writes."""
    fields = {"endpoints": ("http://127.0.0.1:1",), "start_timeout_s": LONG_S, "whisper_args": args, **given}
    return InferenceOptions(whisper_model=model, whisper_server=server, **fields)


def child(side: AuxiliaryEngines) -> Supervision[Any]:
    found = side.engines[EngineRole.WHISPER]
    assert isinstance(found, Supervision)
    return found


@asynccontextmanager
async def hearing(model: Path, server: str, *args: str, **given: Any) -> AsyncIterator[tuple[Any, Supervision[Any]]]:
    """A client, and the server's supervision."""
    chosen = options(model, server, *args, **given)
    side = AuxiliaryEngines.supervised(chosen)
    async with watched(child(side)), calling(endpoints(chosen), side=side) as stub:
        yield stub, child(side)


async def heard(stub: InferenceServiceStub, audio: bytes = b"sound", **fields: Any) -> TranscribeResponse:
    """Raises RemoteError."""
    try:
        answer: TranscribeResponse = await stub.Transcribe(TranscribeRequest(audio=audio, **fields), timeout=LONG_S)
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
    return answer


async def test_what_is_heard(model: Path, server: str) -> None:
    async with hearing(model, server) as (stub, _):
        answer = await heard(stub, b"x" * 1500, language="German", prompt="Zürich,\nBern", temperature=0.25)
        texts = [segment.text for segment in answer.segments]
        assert texts == [
            *(" 1500 bytes.", " language=de", " no_language_probabilities=true", " prompt=Zürich,\nBern"),
            *(" response_format=verbose_json", " temperature=0.250000", " translate=false"),
        ]
        assert answer.text == "".join(texts).strip()
        assert (answer.language, answer.duration) == ("english", 1.5)
        first = answer.segments[0]
        assert [(word.text, word.start, word.end) for word in first.words] == [("1500", 0.0, 0.5), ("bytes.", 0.0, 0.5)]
        assert (first.start, first.end, [*first.tokens]) == (0.0, 1.0, [0, 1])
        assert (first.avg_logprob, first.no_speech_prob) == (-0.5, 0.25)
        plain = await heard(stub, translate=True)
        assert " language=auto translate=true" in plain.text.replace(" no_language_probabilities=true", "").replace(
            " response_format=verbose_json", ""
        )
        told = (await stub.GetModel(GetModelRequest(role=MODEL_ROLE_TRANSCRIPTION))).model
        assert (told.id, told.slots, told.engine) == ("ggml-fake", 1, "whisper.cpp")


async def test_segments_without_words(model: Path, server: str) -> None:
    """What whisper.cpp leaves out of a segment that has no tokens, and its average then."""
    empty = {"id": 0, "text": "", "start": 0, "end": 1, "temperature": 0, "avg_logprob": None, "no_speech_prob": 0.5}
    answer = {"language": "english", "duration": 1, "segments": [empty]}
    async with hearing(model, server) as (stub, _):
        (segment,) = (await heard(stub, json.dumps(answer).encode())).segments
        assert ([*segment.tokens], [*segment.words], segment.avg_logprob) == ([], [], 0.0)
        assert not (await heard(stub, json.dumps(answer | {"segments": []}).encode())).text


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        pytest.param({"audio": b""}, "/audio", "the audio file is empty", id="empty"),
        pytest.param({"audio": b"noise"}, "/audio", "could not be decoded", id="unreadable"),
        pytest.param({"prompt": "ffmpeg"}, "/audio", "could not be decoded", id="not-converted"),
        pytest.param({"prompt": "a\0b"}, "/prompt", "NUL", id="nul"),
        pytest.param({"language": "klingon"}, "/language", "'klingon' is not a language", id="language"),
        pytest.param({"language": ""}, "/language", "'' is not a language", id="no-language"),
        pytest.param({"language": "auto"}, "/language", "'auto' is not a language", id="auto"),
        pytest.param({"temperature": 1.5}, "/temperature", "it must be 0 to 1", id="hot"),
        pytest.param({"temperature": float("nan")}, "/temperature", "it must be 0 to 1", id="nan"),
        pytest.param({"prompt": "fail"}, None, "the whisper server failed: .*failed to process audio", id="failed"),
    ],
)
async def test_refusals(model: Path, server: str, fields: dict[str, Any], path: str | None, message: str) -> None:
    async with hearing(model, server) as (stub, _):
        with pytest.raises(RemoteError, match=message) as raised:
            await heard(stub, **fields)
        assert raised.value.path == path


@pytest.mark.parametrize(
    ("vocabulary", "fields", "path"),
    [
        pytest.param(ENGLISH_ONLY, {"translate": True}, "/translate", id="translation"),
        pytest.param(ENGLISH_ONLY, {"language": "de"}, "/language", id="german"),
        pytest.param(NO_CANTONESE, {"language": "yue"}, "/language", id="cantonese"),
    ],
)
async def test_what_a_model_does_not_know(
    tmp_path: Path, server: str, vocabulary: int, fields: dict[str, Any], path: str
) -> None:
    async with hearing(write_model(tmp_path / "small.bin", vocabulary=vocabulary), server) as (stub, _):
        with pytest.raises(RemoteError, match=r"^small ") as raised:
            await heard(stub, **fields)
        assert raised.value.path == path
        assert " language=en" in (await heard(stub, language="en")).text


async def test_no_model() -> None:
    async with calling(endpoints(InferenceOptions(endpoints=("http://127.0.0.1:1",)))) as stub:
        for call in (stub.Transcribe(TranscribeRequest()), stub.GetModel(GetModelRequest(role=MODEL_ROLE_TRANSCRIPTION))):
            with pytest.raises(grpc.aio.AioRpcError, match=r"no whisper model is loaded; .* with --whisper-model FILE"):
                await call


async def test_another_server(model: Path, server: str) -> None:
    async with hearing(model, server, "--fake", "strange") as (stub, _):
        with pytest.raises(RemoteError, match=r"not a supported whisper.cpp server"):
            await heard(stub)


async def test_one_that_dies_is_started_again(model: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_S", 0.05)
    async with hearing(model, server) as (stub, engine):
        with pytest.raises(RemoteError, match="exited during the request") as raised:
            await heard(stub, prompt="die")
        assert raised.value.retry_after_s
        await eventually(lambda: engine.crash_count == 1 and engine.is_ready)
        assert (await heard(stub)).text


async def test_one_that_hangs_is_replaced(model: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_S", 0.05)
    async with hearing(model, server, hang_timeout_s=5.0) as (stub, engine):
        os.kill(engine.pid or 0, signal.SIGSTOP)
        with pytest.raises(RemoteError, match="exited during the request"):
            await heard(stub)
        await eventually(lambda: engine.crash_count == 1 and engine.is_ready)
        assert (await heard(stub)).text


async def test_files_are_heard_one_after_the_other(model: Path, server: str) -> None:
    async with hearing(model, server, max_waiting=1) as (stub, engine):
        first = stub.Transcribe(TranscribeRequest(audio=b"x", prompt="wait"))
        await eventually(lambda: engine.ready().slot_queue.running)
        second = asyncio.ensure_future(heard(stub))
        await eventually(lambda: engine.ready().slot_queue.waiting)
        with pytest.raises(RemoteError, match="1 requests are already queued"):
            await heard(stub)
        first.cancel()
        assert (await second).text


async def test_it_is_ready_when_it_listens_and_gone_at_the_end(model: Path, server: str) -> None:
    chosen = options(model, server, "--fake", "slow")
    side = AuxiliaryEngines.supervised(chosen)
    engine = child(side)
    async with watched(engine, ready=False) as watch, calling(endpoints(chosen), side=side) as stub:
        await eventually(lambda: engine.pid)
        with pytest.raises(RemoteError, match="whisper model: the whisper server is loading the model"):
            await heard(stub)
        await watch.until_heard(True)
        arguments = psutil.Process(engine.pid).cmdline()
        assert arguments[arguments.index("--host") + 1] == LOOPBACK
        pid = engine.pid or 0
    assert not alive(pid)


@pytest.mark.parametrize(
    ("args", "given", "message"),
    [
        pytest.param(("--fake", "dying"), {}, r"exited .*\(exit status 1\): error: the model hurts$", id="dying"),
        pytest.param(("--fake", "never"), {"start_timeout_s": 1.0}, "was not ready after 1 s;", id="never"),
    ],
)
async def test_one_that_cannot_start_ends_the_service(
    model: Path, server: str, args: tuple[str, ...], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(StartError, match=f"^--whisper-model: the whisper server {message}"):
        await main.serve(options(model, server, *args, listen="127.0.0.1:0", **given))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot read the model file", id="absent"),
        pytest.param(b"GGUF\x03\0\0\0", "is a GGUF file", id="gguf"),
        pytest.param(b"PK\x03\x04....", "is not a whisper.cpp model", id="other"),
        pytest.param(b"lmgg", "is not a whisper.cpp model", id="cut"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, server: str, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartError, match=f"^--whisper-model: .*{message}"):
        AuxiliaryEngines.supervised(options(path, server))


def test_there_is_no_server(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match=r"^--whisper-model: --whisper-server: /no/such is not an executable program"):
        AuxiliaryEngines.supervised(options(model, "/no/such"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match=r"put whisper-server on PATH, or set --whisper-server PATH$"):
        AuxiliaryEngines.supervised(options(model, ""))


@pytest.mark.parametrize("given", [{"whisper_server": "/w"}, {"whisper_args": ("-t", "1")}], ids=["server", "arguments"])
def test_a_server_without_a_model(given: dict[str, Any]) -> None:
    with pytest.raises(StartError, match="require --whisper-model"):
        InferenceOptions(endpoints=("http://127.0.0.1:1",), **given)


@pytest.mark.parametrize(("vocabulary", "languages"), [(ENGLISH_ONLY, 1), (NO_CANTONESE, 99), (51866, 100)])
def test_the_languages_of_a_model(tmp_path: Path, vocabulary: int, languages: int) -> None:
    model = read_whisper_model(write_model(tmp_path / "m.bin", vocabulary=vocabulary))
    assert (len(model.languages), model.english_only) == (languages, languages == 1)


def test_codes_and_names() -> None:
    assert (len(LANGUAGES), LANGUAGES["zh"], LANGUAGES["ht"], LANGUAGES["yue"]) == (
        100,
        "chinese",
        "haitian creole",
        "cantonese",
    )
    assert {language_code(name) for name in LANGUAGES.values()} == set(LANGUAGES)
    assert set(LANGUAGES.values()) >= WITHOUT_SPACES


async def test_health_and_metrics_tell(model: Path, server: str) -> None:
    registry = CollectorRegistry()
    chosen = options(model, server)
    side = AuxiliaryEngines.supervised(chosen)
    async with watched(child(side)), calling(endpoints(chosen), registry, side):
        told = generate_latest(registry).decode()
        assert 'promptweave_engine_up{endpoint="",role="whisper"} 1.0' in told
    listened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(main.serve(options(model, server, listen="127.0.0.1:0"), on_listening=listened.set_result))
    async with channel(await listened) as connection:
        health = health_pb2_grpc.HealthStub(connection)
        asked = health_pb2.HealthCheckRequest(service=main.CALLS[EngineRole.WHISPER])
        async for state in health.Watch(asked, timeout=LONG_S):
            if state.status == health_pb2.HealthCheckResponse.SERVING:
                break
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


@pytest.mark.parametrize(
    ("tokens", "spaced", "expected"),
    [
        pytest.param([" Hel", "lo", ",", " you", "."], True, ["Hello,", "you."], id="words"),
        pytest.param(["今", "日", "は"], False, ["今", "日", "は"], id="no-spaces"),
        pytest.param([" ", " a", " "], True, ["a"], id="blank"),
        pytest.param([], True, [], id="none"),
    ],
)
def test_words(tokens: list[str], spaced: bool, expected: list[str]) -> None:
    found = words([Token(text, place, place + 1) for place, text in enumerate(tokens)], spaced=spaced)
    assert [word.text for word in found] == expected
    assert all(word.start < word.end for word in found)


def test_why_it_died() -> None:
    """Its usage speaks of errors, too, and what a caller sent is no cause."""
    log = EngineLog("whisper", WHISPER_STYLE)
    for line in ("error: failed to read audio data", "error: unknown argument: --x", "  -et N  threshold for decoder fail"):
        log.note(line)
    assert log.cause() == "error: unknown argument: --x"


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT], ids=["address", "port"])
def test_a_port_is_kept_for_the_server(option: int) -> None:
    """However it shares an address: whisper.cpp's way is the second."""
    with reserved_port() as port, socket.socket() as server:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))
        server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        with socket.create_connection((LOOPBACK, port)):
            server.accept()[0].close()


REAL_SERVER = os.environ.get("PROMPTWEAVE_TEST_WHISPER_SERVER")


@pytest.mark.skipif(not REAL_SERVER, reason="PROMPTWEAVE_TEST_WHISPER_SERVER names no server of whisper.cpp")
async def test_a_real_server(tmp_path: Path) -> None:
    """With a model of random weights, unless $PROMPTWEAVE_TEST_WHISPER_MODEL names one: what it hears is its own affair."""
    named = os.environ.get("PROMPTWEAVE_TEST_WHISPER_MODEL")
    model = Path(named) if named else await asyncio.to_thread(write_whisper_model, tmp_path / "ggml-random.bin")
    quick = ("--no-fallback", "--best-of", "1", "--audio-ctx", "64", "--threads", "1")
    async with hearing(model, REAL_SERVER or "", *quick, start_timeout_s=120.0) as (stub, engine):
        with pytest.raises(RemoteError, match="could not be decoded") as raised:
            await heard(stub, b"noise")
        assert raised.value.path == "/audio"
        silence = await heard(stub, sound(seconds=0.05))
        assert (silence.text, len(silence.segments)) == ("", 0)
        answer = await stub.Transcribe(TranscribeRequest(audio=sound(seconds=0.2), language="de", prompt="a"), timeout=250)
        assert (answer.language, round(answer.duration, 3)) == ("german", 0.2)
        assert answer.text == "".join(segment.text for segment in answer.segments).strip()
        abandoned = stub.Transcribe(TranscribeRequest(audio=sound(seconds=20)))
        await eventually(lambda: engine.ready().slot_queue.running)
        abandoned.cancel()
        assert not (await heard(stub, sound(seconds=0.05))).text
        assert engine.crash_count == 0


def sound(*, seconds: float) -> bytes:
    """A tone, as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setparams((1, 2, 16_000, 0, "NONE", ""))
        writing.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(n / 20))) for n in range(int(16_000 * seconds))))
    return file.getvalue()
