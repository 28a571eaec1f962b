"""`/v1/audio/transcriptions` and `/v1/audio/translations`, as in OpenAI's API."""

import zlib
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from pydantic import BeforeValidator, Field

from promptweave.facade.endpoint import ParsedRequest, route
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.http.multipart import FormBody, read_form
from promptweave.facade.openai.audio.subtitles import srt, vtt
from promptweave.facade.options import FacadeOptions
from promptweave.v1 import inference_pb2

JsonObject = dict[str, Any]

_PLACES = {"/audio": "/file", "/translate": "/model"}
"""The names that the service's fields have here."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TranslationBody(FormBody):
    """An audio file to translate into English."""

    file: bytes = Field(min_length=1)
    model: str | None = None
    prompt: str = ""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    temperature: float | None = Field(None, ge=0, le=1)


class TranscriptionBody(TranslationBody):
    """An audio file to transcribe."""

    language: str = ""
    timestamp_granularities: Annotated[list[Literal["segment", "word"]], BeforeValidator(_listed)] = Field(
        default_factory=list
    )
    stream: bool = False


def add_audio_routes(app: FastAPI, options: FacadeOptions) -> None:
    """Add the routes."""
    transcribe = route(TranscriptionBody, _transcribe, options, _place, read=read_form)
    app.add_api_route("/v1/audio/transcriptions", transcribe, methods=["POST"])
    translate = route(TranslationBody, _translate, options, _place, read=read_form)
    app.add_api_route("/v1/audio/translations", translate, methods=["POST"])


async def _transcribe(asked: ParsedRequest[TranscriptionBody]) -> Response | JsonObject:
    body = asked.body
    if body.stream:
        raise UnsupportedError("streaming transcripts is not supported; omit stream", path="/stream")
    if body.timestamp_granularities and body.response_format != "verbose_json":
        raise RequestError("timestamp_granularities requires response_format verbose_json", path="/timestamp_granularities")
    return await _answer(asked, language=body.language.strip(), granularities=body.timestamp_granularities)


async def _translate(asked: ParsedRequest[TranslationBody]) -> Response | JsonObject:
    return await _answer(asked, translate=True)


async def _answer(
    asked: ParsedRequest[TranscriptionBody] | ParsedRequest[TranslationBody],
    *,
    language: str = "",
    granularities: list[Literal["segment", "word"]] | None = None,
    translate: bool = False,
) -> Response | JsonObject:
    body = asked.body
    for name in body.model_extra or ():
        raise UnsupportedError(f"{name[:60]!r} is not supported", path=f"/{name}")
    if body.response_format == "diarized_json":
        raise UnsupportedError("'diarized_json' is not supported: speakers are not identified", path="/response_format")
    model = await asked.model(body.model, inference_pb2.MODEL_ROLE_TRANSCRIPTION)
    request = inference_pb2.TranscribeRequest(
        audio=body.file,
        language=language or None,
        prompt=body.prompt,
        temperature=body.temperature,
        translate=translate,
    )
    heard = await model.services.transcribe(request, asked.options.request_timeout_s)
    match body.response_format:
        case "text":
            return PlainTextResponse(f"{heard.text}\n")
        case "srt":
            return PlainTextResponse(srt(heard.segments), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(heard.segments), media_type="text/vtt")
    usage = {"type": "duration", "seconds": heard.duration}
    if body.response_format == "json":
        return {"text": heard.text, "usage": usage}
    wanted = granularities or ["segment"]
    return {
        "task": "translate" if translate else "transcribe",
        "language": heard.language,
        "duration": heard.duration,
        "text": heard.text,
        **({"segments": [_segment(*item) for item in enumerate(heard.segments)]} if "segment" in wanted else {}),
        **({"words": _words(heard)} if "word" in wanted else {}),
        "usage": usage,
    }


def _segment(place: int, segment: inference_pb2.TranscribeResponse.Segment) -> JsonObject:
    data = segment.text.encode()
    return {
        "id": place,
        # whisper.cpp does not report where its decoding window began: this is the segment's own start, also in hundredths.
        "seek": round(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [*segment.tokens],
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        # Computed as in OpenAI's whisper.
        "compression_ratio": len(data) / len(zlib.compress(data)),
        "no_speech_prob": segment.no_speech_prob,
    }


def _words(heard: inference_pb2.TranscribeResponse) -> list[JsonObject]:
    return [
        {"word": word.text, "start": word.start, "end": word.end} for segment in heard.segments for word in segment.words
    ]


def _place(path: str, raw: JsonObject) -> str:
    return _PLACES.get(path, path)
