"""Transcribes audio. Independent of gRPC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptweave.inference.errors import RequestError, UnsupportedError
from promptweave.inference.scheduling.slot_queue import Caller
from promptweave.inference.transcription.languages import ENGLISH, LANGUAGES, language_code
from promptweave.inference.transcription.model_file import WhisperModel
from promptweave.inference.transcription.whisper_client import Heard, Token
from promptweave.inference.transcription.whisper_server import ReadyWhisper

_DETECT = "auto"


@dataclass(frozen=True)
class Recording:
    """An audio file, and how to transcribe it."""

    audio: bytes
    language: str | None = None
    """A code or an English name. None: detect it."""
    prompt: str = ""
    temperature: float | None = None
    translate: bool = False


async def transcribe(whisper: ReadyWhisper, recording: Recording) -> Heard:
    """Transcribe a recording. Cancelling ends the work. Raises InferenceError."""
    if not recording.audio:
        raise RequestError("the audio file is empty", path="/audio")
    fields = {"language": _language(recording, whisper.model), "translate": str(recording.translate).lower()}
    if "\0" in recording.prompt:
        raise RequestError("the prompt contains a NUL character, which would truncate it; remove it", path="/prompt")
    if recording.prompt:
        fields["prompt"] = recording.prompt
    if recording.temperature is not None:
        # Phrased so that NaN is rejected: comparisons with NaN are false.
        if not 0 <= recording.temperature <= 1:
            raise RequestError(f"temperature is {recording.temperature:g}; it must be 0 to 1", path="/temperature")
        fields["temperature"] = f"{recording.temperature:.6f}"
    async with whisper.slot_queue.slot(Caller()):
        return await whisper.client.transcribe(recording.audio, fields)


def _language(recording: Recording, model: WhisperModel) -> str:
    """Return the language in the server's form. The server would accept any other as unknown and continue."""
    if recording.translate and model.english_only:
        raise UnsupportedError(f"{model.path.stem} supports only English and cannot translate", path="/translate")
    if recording.language is None:
        return ENGLISH if model.english_only else _DETECT
    code = language_code(recording.language)
    if code is None:
        known = ", ".join(LANGUAGES)
        raise RequestError(f"{recording.language[:40]!r} is not a language; use one of the codes {known}", path="/language")
    if code not in model.languages:
        raise UnsupportedError(f"{model.path.stem} does not support {LANGUAGES[code]}", path="/language")
    return code


def words(tokens: Sequence[Token], *, spaced: bool) -> list[Token]:
    """Join tokens into words: a word begins with a space. `spaced` False: each token is a word."""
    return [_joined(group) for group in _groups(tokens, spaced) if any(token.text.strip() for token in group)]


def _groups(tokens: Sequence[Token], spaced: bool) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        if group and (not spaced or token.text.startswith(" ")):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _joined(group: Sequence[Token]) -> Token:
    return Token("".join(token.text for token in group).strip(), group[0].start, max(token.end for token in group))
