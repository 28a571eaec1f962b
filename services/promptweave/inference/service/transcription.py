"""Serves Transcribe: converts the protobuf request, runs it, and converts the result."""

from google.protobuf.timestamp_pb2 import Timestamp

from promptweave.inference.transcription.languages import WITHOUT_SPACES
from promptweave.inference.transcription.transcribe import Recording, transcribe, words
from promptweave.inference.transcription.whisper_client import Segment
from promptweave.inference.transcription.whisper_server import ReadyWhisper
from promptweave.v1 import inference_pb2


def whisper_to_wire(whisper: ReadyWhisper) -> inference_pb2.ModelInfo:
    """Return the `ModelInfo` of the transcription model."""
    created = Timestamp(seconds=int(whisper.since))
    return inference_pb2.ModelInfo(id=whisper.model_id, slots=1, created=created, engine="whisper.cpp")


async def transcribe_from_wire(
    whisper: ReadyWhisper, request: inference_pb2.TranscribeRequest
) -> inference_pb2.TranscribeResponse:
    """Serve a Transcribe call. Raises InferenceError."""
    recording = Recording(
        request.audio,
        language=request.language if request.HasField("language") else None,
        prompt=request.prompt,
        temperature=request.temperature if request.HasField("temperature") else None,
        translate=request.translate,
    )
    result = await transcribe(whisper, recording)
    # A translation is English, whatever was spoken.
    spaced = request.translate or result.language not in WITHOUT_SPACES
    return inference_pb2.TranscribeResponse(
        text="".join(segment.text for segment in result.segments).strip(),
        language=result.language,
        duration=result.duration,
        segments=[_segment(segment, spaced=spaced) for segment in result.segments],
    )


def _segment(segment: Segment, *, spaced: bool) -> inference_pb2.TranscribeResponse.Segment:
    return inference_pb2.TranscribeResponse.Segment(
        start=segment.start,
        end=segment.end,
        text=segment.text,
        tokens=segment.ids,
        words=[
            inference_pb2.TranscribeResponse.Word(text=word.text, start=word.start, end=word.end)
            for word in words(segment.tokens, spaced=spaced)
        ],
        temperature=segment.temperature,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
    )
