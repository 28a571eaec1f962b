"""Reading the header of a whisper.cpp model file, before it is loaded."""

import struct
from dataclasses import dataclass
from pathlib import Path

from promptweave.inference.errors import StartError
from promptweave.inference.transcription.languages import ENGLISH, LANGUAGES

_MAGIC = b"lmgg"
"""`ggml` as a little-endian number, followed by the size of the vocabulary (whisper.cpp's `whisper_model_load`)."""

_FIRST_MULTILINGUAL = 51865
_ALL_BUT_LANGUAGES = 51766
"""Size of a multilingual vocabulary without its language tokens, one per language (whisper.cpp's `num_languages`)."""


@dataclass(frozen=True)
class WhisperModel:
    """A model file."""

    path: Path
    languages: frozenset[str]
    """The codes of the languages that it knows."""

    @property
    def english_only(self) -> bool:
        """Return whether it supports only English, and so cannot translate."""
        return self.languages == {ENGLISH}


def read_whisper_model(path: Path) -> WhisperModel:
    """Read a file's header. Raises StartError."""
    try:
        with path.open("rb") as file:
            header = file.read(8)
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    if header.startswith(b"GGUF"):
        raise StartError(f"{path} is a GGUF file; whisper.cpp requires a model in its own format (ggml-*.bin)")
    if len(header) < 8 or not header.startswith(_MAGIC):
        raise StartError(f"{path} is not a whisper.cpp model (ggml-*.bin)")
    (vocabulary,) = struct.unpack("<i", header[4:])
    known = vocabulary - _ALL_BUT_LANGUAGES if vocabulary >= _FIRST_MULTILINGUAL else 0
    return WhisperModel(path, frozenset(list(LANGUAGES)[:known] or [ENGLISH]))
