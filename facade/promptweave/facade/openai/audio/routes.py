"""`/v1/audio/transcriptions` and `/v1/audio/translations`, as in OpenAI's API."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Body, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from promptweave.facade.backend.lookup import model_of
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.http.multipart import FORM
from promptweave.facade.http.request import options_of
from promptweave.facade.http.router import ApiRouter
from promptweave.facade.openai.audio.body import TranscriptionBody, TranslationBody
from promptweave.facade.openai.audio.objects import (
    Transcript,
    VerboseTranscript,
    transcript_object,
    verbose_transcript_object,
)
from promptweave.facade.openai.audio.subtitles import srt, vtt
from promptweave.v1 import inference_pb2

_PLACES = {"/audio": "/file", "/translate": "/model"}
"""The names that the service's fields have here."""

_TEXTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {"schema": {"type": "string"}} for media in ("text/plain", "application/x-subrip", "text/vtt")}}
}
"""Responses that are not JSON."""

router = ApiRouter()


@router.post(
    "/v1/audio/transcriptions",
    response_model=Transcript | VerboseTranscript,
    responses=_TEXTS,
    summary="Transcribe an audio file (OpenAI)",
)
async def transcribe(request: Request, body: Annotated[TranscriptionBody, Body(media_type=FORM)]) -> Response:
    """Return what is said in an audio file. The service must have a speech model."""
    if body.stream:
        raise UnsupportedError("streaming transcripts is not supported; omit stream", path="/stream")
    if body.timestamp_granularities and body.response_format != "verbose_json":
        raise RequestError("timestamp_granularities requires response_format verbose_json", path="/timestamp_granularities")
    return await _answer(request, body, language=body.language.strip(), granularities=body.timestamp_granularities)


@router.post(
    "/v1/audio/translations",
    response_model=Transcript | VerboseTranscript,
    responses=_TEXTS,
    summary="Translate an audio file to English (OpenAI)",
)
async def translate(request: Request, body: Annotated[TranslationBody, Body(media_type=FORM)]) -> Response:
    """Return what is said in an audio file, in English. The service must have a speech model."""
    return await _answer(request, body, translate=True)


async def _answer(
    request: Request,
    body: TranslationBody,
    *,
    language: str = "",
    granularities: Sequence[Literal["segment", "word"]] = (),
    translate: bool = False,
) -> Response:
    for name in body.model_extra or ():
        raise UnsupportedError(f"{name[:60]!r} is not supported", path=f"/{name}")
    if body.response_format == "diarized_json":
        raise UnsupportedError("'diarized_json' is not supported: speakers are not identified", path="/response_format")
    asked = inference_pb2.TranscribeRequest(
        audio=body.file,
        language=language or None,
        prompt=body.prompt,
        temperature=body.temperature,
        translate=translate,
    )
    with error_paths(lambda path: _PLACES.get(path, path)):
        model = await model_of(request, body.model, inference_pb2.MODEL_ROLE_TRANSCRIPTION)
        heard = await model.services.transcribe(asked, options_of(request).request_timeout_s)
    match body.response_format:
        case "text":
            return PlainTextResponse(f"{heard.text}\n")
        case "srt":
            return PlainTextResponse(srt(heard.segments), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(heard.segments), media_type="text/vtt")
        case "json":
            return JSONResponse(transcript_object(heard))
    return JSONResponse(verbose_transcript_object(heard, granularities or ["segment"], translate=translate))
