"""The bodies of requests to transcribe or translate an audio file."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from promptweave.facade.bodies.body import example
from promptweave.facade.http.multipart import FormBody


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TranslationBody(FormBody):
    """An audio file to translate into English."""

    model_config = example({"file": "(the file)", "model": "whisper-1"})

    file: bytes = Field(min_length=1)
    """The audio file."""
    model: str | None = None
    """The speech model; by default the one that is loaded."""
    prompt: str = ""
    """Text that precedes the audio, for the style of the transcript."""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    """The format of the transcript. `diarized_json` is not supported: speakers are not identified."""
    temperature: float | None = Field(None, ge=0, le=1)
    """The sampling temperature; by default the service's."""


class TranscriptionBody(TranslationBody):
    """An audio file to transcribe."""

    model_config = example({"file": "(the file)", "model": "whisper-1", "language": "en", "response_format": "verbose_json"})

    language: str = ""
    """The language of the audio, as an ISO 639-1 code; by default it is detected."""
    timestamp_granularities: Annotated[list[Literal["segment", "word"]], BeforeValidator(_listed)] = Field(
        default_factory=list
    )
    """What has times in `verbose_json`; by default segments."""
    stream: bool = False
    """Must be false: transcripts are not streamed."""
