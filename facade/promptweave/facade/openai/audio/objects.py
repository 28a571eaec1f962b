"""Objects of the responses of `/v1/audio/transcriptions` and `/v1/audio/translations`."""

import zlib
from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.v1 import inference_pb2


class DurationUsage(TypedDict):
    """The length of what was transcribed."""

    type: Annotated[Literal["duration"], Field(description="What is counted")]
    seconds: Annotated[float, Field(ge=0, description="Length of the audio")]


class Transcript(TypedDict):
    """The text of an audio file: `response_format` json."""

    text: Annotated[str, Field(description="The complete text")]
    usage: Annotated[DurationUsage, Field(description="The length of the audio")]


class TranscriptSegment(TypedDict):
    """A part of a transcript, with the numbers that OpenAI's whisper reports."""

    id: Annotated[int, Field(ge=0, description="The index of the segment")]
    seek: Annotated[int, Field(ge=0, description="The start of the segment, in hundredths of a second")]
    start: Annotated[float, Field(description="The start, in seconds")]
    end: Annotated[float, Field(description="The end, in seconds")]
    text: Annotated[str, Field(description="The text of the segment")]
    tokens: Annotated[list[int], Field(description="The ids of its tokens")]
    temperature: Annotated[float, Field(description="The sampling temperature")]
    avg_logprob: Annotated[float, Field(description="The mean log-probability of the tokens")]
    compression_ratio: Annotated[float, Field(description="Size of the text divided by its compressed size")]
    no_speech_prob: Annotated[float, Field(description="The probability that nothing is said")]


class TranscriptWord(TypedDict):
    """A word of a transcript."""

    word: Annotated[str, Field(description="The word")]
    start: Annotated[float, Field(description="The start, in seconds")]
    end: Annotated[float, Field(description="The end, in seconds")]


class VerboseTranscript(TypedDict):
    """The text of an audio file with its times: `response_format` verbose_json."""

    task: Annotated[Literal["transcribe", "translate"], Field(description="What was done")]
    language: Annotated[str, Field(description="The language of the audio")]
    duration: Annotated[float, Field(ge=0, description="Length of the audio, in seconds")]
    text: Annotated[str, Field(description="The complete text")]
    segments: NotRequired[
        Annotated[list[TranscriptSegment], Field(description="Segments, unless `timestamp_granularities` has only `word`")]
    ]
    words: NotRequired[Annotated[list[TranscriptWord], Field(description="Words, if `timestamp_granularities` has `word`")]]
    usage: Annotated[DurationUsage, Field(description="The length of the audio")]


def transcript_object(heard: inference_pb2.TranscribeResponse) -> Transcript:
    """Return the text alone."""
    return {"text": heard.text, "usage": _usage(heard)}


def verbose_transcript_object(
    heard: inference_pb2.TranscribeResponse, granularities: Sequence[Literal["segment", "word"]], *, translate: bool
) -> VerboseTranscript:
    """Return the text and the times of its segments, its words, or both."""
    transcript: VerboseTranscript = {
        "task": "translate" if translate else "transcribe",
        "language": heard.language,
        "duration": heard.duration,
        "text": heard.text,
        "usage": _usage(heard),
    }
    if "segment" in granularities:
        transcript["segments"] = [_segment(*item) for item in enumerate(heard.segments)]
    if "word" in granularities:
        transcript["words"] = [
            {"word": word.text, "start": word.start, "end": word.end} for segment in heard.segments for word in segment.words
        ]
    return transcript


def _usage(heard: inference_pb2.TranscribeResponse) -> DurationUsage:
    return {"type": "duration", "seconds": heard.duration}


def _segment(place: int, segment: inference_pb2.TranscribeResponse.Segment) -> TranscriptSegment:
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
