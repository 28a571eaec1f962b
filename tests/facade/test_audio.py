"""Transcripts over HTTP, with OpenAI's own client, and everything in processes of its own; the whisper server is a fake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.openai.audio.subtitles import srt, vtt
from promptweave.v1 import inference_pb2
from tests.support.facade.openai_spec import check, described
from tests.support.inference.fake_whisper_server import install, write_model
from tests.support.serving import Serving, serving

SOUND = ("speech.wav", b"x" * 1500)


@pytest.fixture(scope="module")
def hearing(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Everything, with a whisper server."""
    folder = tmp_path_factory.mktemp("audio")
    model = write_model(folder / "ggml-fake.bin")
    whisper = ("--whisper-model", str(model), "--whisper-server", install(folder), "--whisper-args", "--fake 'well'")
    with serving("--model", str(demo_model), "--ctx-size", "512", "--max-body-mib", "1", *whisper) as everything:
        yield everything


@pytest.fixture(scope="module")
def client(hearing: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=hearing.url, api_key="none", max_retries=0, timeout=60) as client:
        yield client


def asked(hearing: Serving, what: str = "transcriptions", file: Any = SOUND, **fields: Any) -> httpx.Response:
    return httpx.post(f"{hearing.url}/audio/{what}", files={"file": file}, data=fields, timeout=60)


def test_openais_client(client: openai.OpenAI) -> None:
    text = client.audio.transcriptions.create(
        model="whisper-1", file=SOUND, language="de", prompt="Zürich", temperature=0.5
    ).text
    assert text.startswith("1500 bytes.")
    assert {"language=de", "prompt=Zürich", "temperature=0.500000", "translate=false"} <= {*text.split()}


def test_openais_client_with_times(client: openai.OpenAI) -> None:
    told = client.audio.transcriptions.create(
        model="ggml-fake", file=SOUND, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (told.language, told.duration) == ("english", 1.5)
    assert told.segments
    assert told.words
    assert [(word.word, word.start, word.end) for word in told.words[:2]] == [("1500", 0.0, 0.5), ("bytes.", 0.0, 0.5)]
    assert (told.segments[1].id, told.segments[1].seek, told.segments[1].start) == (1, 100, 1.0)
    assert "language=auto" in told.text


def test_openais_client_translates(client: openai.OpenAI) -> None:
    # The client warns of the route, which OpenAI's newer models do not have.
    with pytest.deprecated_call():
        assert "translate=true" in client.audio.translations.create(model="whisper-1", file=SOUND).text


@pytest.mark.parametrize("granularity", ["word", "segment", None])
def test_what_is_timed(hearing: Serving, granularity: str | None) -> None:
    fields = {"timestamp_granularities[]": granularity} if granularity else {}
    told = asked(hearing, response_format="verbose_json", **fields).json()
    assert (("words" in told), ("segments" in told)) == (granularity == "word", granularity != "word")
    assert told["task"] == "transcribe"


@described
@pytest.mark.parametrize("form", ["json", "verbose_json"])
def test_as_openai_describes_it(hearing: Serving, form: str) -> None:
    kind = {"json": "Json", "verbose_json": "VerboseJson"}[form]
    told = asked(
        hearing, response_format=form, **{"timestamp_granularities[]": ["word", "segment"]} if form != "json" else {}
    )
    check(f"CreateTranscriptionResponse{kind}", told.json())


@pytest.mark.parametrize(
    ("form", "media", "beginning"),
    [
        pytest.param("text", "text/plain", "1500 bytes. language=auto", id="text"),
        pytest.param("srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:01,000\n1500 bytes.\n\n2\n", id="srt"),
        pytest.param("vtt", "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n1500 bytes.\n\n", id="vtt"),
    ],
)
def test_forms_that_are_text(hearing: Serving, client: openai.OpenAI, form: Any, media: str, beginning: str) -> None:
    answer = asked(hearing, response_format=form)
    assert answer.headers["content-type"].startswith(media)
    assert answer.text.startswith(beginning)
    told: Any = client.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format=form)
    assert told == answer.text


@pytest.mark.parametrize(
    ("what", "fields", "param", "code"),
    [
        pytest.param("transcriptions", {"stream": "true"}, "stream", "unsupported_parameter", id="stream"),
        pytest.param("transcriptions", {"include[]": "logprobs"}, "include", "unsupported_parameter", id="include"),
        pytest.param(
            "transcriptions", {"chunking_strategy": "auto"}, "chunking_strategy", "unsupported_parameter", id="chunks"
        ),
        pytest.param("transcriptions", {"keywords[]": "a"}, "keywords", "unsupported_parameter", id="keywords"),
        pytest.param("transcriptions", {"languages[]": "en"}, "languages", "unsupported_parameter", id="languages"),
        pytest.param("transcriptions", {"beam_size": "5"}, "beam_size", "unsupported_parameter", id="whisper's-own"),
        pytest.param(
            *("transcriptions", {"known_speaker_names[]": ["a", "b"]}, "known_speaker_names", "unsupported_parameter"),
            id="speakers",
        ),
        pytest.param(
            *("transcriptions", {"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
            id="diarized",
        ),
        pytest.param("transcriptions", {"response_format": "xml"}, "response_format", None, id="format"),
        pytest.param("transcriptions", {"temperature": "2"}, "temperature", None, id="hot"),
        pytest.param("transcriptions", {"temperature": "warm"}, "temperature", None, id="warm"),
        pytest.param("transcriptions", {"temperature": "nan"}, "temperature", None, id="nan"),
        pytest.param("transcriptions", {"language": "klingon"}, "language", None, id="language"),
        pytest.param("transcriptions", {"language": ["en", "de"]}, "language", None, id="two-languages"),
        pytest.param("transcriptions", {"prompt": "a\0b"}, "prompt", None, id="nul"),
        pytest.param("transcriptions", {"prompt": "ffmpeg"}, "file", None, id="unreadable"),
        pytest.param(
            *("transcriptions", {"timestamp_granularities[]": "word"}, "timestamp_granularities", None), id="times-of-text"
        ),
        pytest.param(
            "transcriptions",
            {"timestamp_granularities[]": "hour", "response_format": "verbose_json"},
            "timestamp_granularities[0]",
            None,
            id="hours",
        ),
        pytest.param("translations", {"language": "en"}, "language", "unsupported_parameter", id="translated-from"),
        pytest.param("transcriptions", {"model": "other"}, "model", "model_not_found", id="model"),
    ],
)
def test_refusals(hearing: Serving, what: str, fields: dict[str, Any], param: str, code: str | None) -> None:
    answer = asked(hearing, what, **fields)
    assert answer.status_code == (404 if code == "model_not_found" else 400), answer.text
    error = answer.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")


BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("headers", "content", "message"),
    [
        pytest.param({"content-type": "application/json"}, b"{}", "not multipart/form-data", id="json"),
        pytest.param({}, b"", "not multipart/form-data", id="nothing"),
        pytest.param(
            {"content-type": "multipart/form-data"}, b"--b--\r\n", "not valid multipart/form-data", id="no-boundary"
        ),
        pytest.param(BOUNDARY, b"rubbish", "not valid|file", id="rubbish"),
        pytest.param(BOUNDARY, b"--b--\r\n", "file", id="no-file"),
        pytest.param(
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--b--\r\n',
            "filename",
            id="text-file",
        ),
        pytest.param(
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--b--\r\n',
            "file",
            id="empty-file",
        ),
        pytest.param(
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="prompt"; filename="a"\r\n\r\nx\r\n--b--\r\n',
            "prompt",
            id="file-for-text",
        ),
        pytest.param(
            BOUNDARY,
            b"".join(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n' for _ in range(2))
            + b"--b--\r\n",
            "Too many files",
            id="two-files",
        ),
        pytest.param(
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"x" * 100_000 + b"\r\n--b--\r\n",
            "maximum size",
            id="long-field",
        ),
        pytest.param(
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--b--\r\n',
            "file|not valid",
            id="bytes",
        ),
    ],
)
def test_bodies_that_are_no_forms(hearing: Serving, headers: dict[str, str], content: bytes, message: str) -> None:
    answer = httpx.post(f"{hearing.url}/audio/transcriptions", headers=headers, content=content, timeout=60)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert any(part in error["message"] for part in message.split("|")), error


def test_a_file_that_is_too_large(hearing: Serving) -> None:
    assert asked(hearing, file=("a.wav", b"x" * 1024 * 1024)).status_code == 413


def test_the_model_is_listed_and_ready(hearing: Serving, client: openai.OpenAI) -> None:
    assert "ggml-fake" in [model.id for model in client.models.list()]
    assert client.models.retrieve("whisper-1").id == "whisper-1"
    assert httpx.get(f"{hearing.url.removesuffix('/v1')}/ready", timeout=60).json() == {"status": "ok", "waiting_for": []}


def test_without_a_model(served: Serving) -> None:
    answer = asked(served)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "unsupported")
    assert "--whisper-model FILE" in answer.json()["error"]["message"]


def test_subtitles() -> None:
    segments = [
        inference_pb2.TranscribeResponse.Segment(start=0, end=3599.9996, text=" a --> b\n\n<c> & d "),
        inference_pb2.TranscribeResponse.Segment(start=3600.5, end=36_000, text="  \n"),
        inference_pb2.TranscribeResponse.Segment(start=7261.25, end=7262, text="ü"),
    ]
    first, second = "00:00:00{0}000 --> 01:00:00{0}000\n", "02:01:01{0}250 --> 02:01:02{0}000\n"
    assert srt(segments) == f"1\n{first.format(',')}a -> b <c> & d\n\n2\n{second.format(',')}ü\n\n"
    assert vtt(segments) == f"WEBVTT\n\n{first.format('.')}a --&gt; b &lt;c&gt; &amp; d\n\n{second.format('.')}ü\n\n"
    assert (srt([]), vtt([])) == ("", "WEBVTT\n\n")


def test_a_transcript_without_a_word(hearing: Serving) -> None:
    silent = json.dumps({"language": "english", "duration": 2, "segments": []}).encode()
    told = asked(hearing, file=("a.wav", silent), response_format="verbose_json").json()
    assert (told["text"], told["segments"]) == ("", [])
    assert asked(hearing, file=("a.wav", silent), response_format="srt").text == ""
