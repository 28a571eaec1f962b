"""HTTP client of whisper.cpp's server (1.9.1): /inference and /health.

| the server                                          | the caller                                            |
|-----------------------------------------------------|-------------------------------------------------------|
| no connection; closed before the end                | EngineUnavailableError                                |
| 400 (the text is the same for every cause)          | RequestError at /audio: it could not be read          |
| 500 that mentions FFmpeg (with `--convert`)         | the same                                              |
| anything else                                       | EngineFailedError                                     |
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import FormData

from promptweave.common.json_object import JsonObject
from promptweave.inference.client.http_client import HttpClient
from promptweave.inference.client.llama_client import Slot
from promptweave.inference.errors import EngineFailedError, RequestError

_UNREADABLE = "the audio file could not be decoded; whisper.cpp supports WAV, MP3, FLAC and Ogg Vorbis"


@dataclass(frozen=True)
class Token:
    """A token, or several that form one character. Times in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Segment:
    """A part of a transcript. Times in seconds."""

    start: float
    end: float
    text: str
    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    temperature: float
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True)
class Heard:
    """The server's transcript of a file."""

    language: str
    """Its English name."""
    duration: float
    """In seconds."""
    segments: tuple[Segment, ...]


class WhisperClient(HttpClient):
    """Client of one server, which processes one file at a time."""

    async def transcribe(self, audio: bytes, fields: Mapping[str, str]) -> Heard:
        """Send a complete file, with the server's own fields. Cancelling closes the connection, which ends the work."""
        form = FormData({**fields, "response_format": "verbose_json", "no_language_probabilities": "true"})
        form.add_field("file", audio, filename="audio")
        status, answer = await self._fetch("POST", "/inference", timeout_s=None, data=form)
        if status == 400 or (status == 500 and b"ffmpeg" in answer.lower()):
            raise RequestError(_UNREADABLE, path="/audio")
        if status >= 300:
            raise EngineFailedError(f"the whisper server failed: {answer[:200].decode(errors='replace')}")
        try:
            return _heard(json.loads(answer))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EngineFailedError(
                "unexpected response from the whisper server: not a supported whisper.cpp server"
            ) from None

    async def slots(self, *, timeout_s: float) -> list[Slot]:
        """Return no slots: the server does not report its progress."""
        return []


def _heard(answer: JsonObject) -> Heard:
    return Heard(answer["language"], float(answer["duration"]), tuple(map(_segment, answer["segments"])))


def _segment(item: JsonObject) -> Segment:
    # A segment without tokens omits them, and has no average.
    average = item.get("avg_logprob")
    return Segment(
        start=float(item["start"]),
        end=float(item["end"]),
        text=item["text"],
        ids=tuple(item.get("tokens", ())),
        tokens=tuple(Token(word["word"], float(word["start"]), float(word["end"])) for word in item.get("words", ())),
        temperature=float(item.get("temperature", 0)),
        avg_logprob=average if isinstance(average, int | float) and math.isfinite(average) else 0.0,
        no_speech_prob=float(item.get("no_speech_prob", 0)),
    )
