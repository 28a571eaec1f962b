"""Reading a model's file, before and after its engine loads it."""

from pathlib import Path

from promptweave.gguf.header import GgufError
from promptweave.gguf.tokenizer import TextFacts, read_text_facts
from promptweave.inference.errors import StartError


def check_model_file(path: Path) -> None:
    """Raise StartError for a file that does not exist, cannot be read or is not a GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    if magic != b"GGUF":
        raise StartError(f"{path} is not a GGUF file (bad magic {magic!r})")


def read_model_file(path: Path) -> TextFacts:
    """Return what the file contains and a running engine does not report. Raises StartError for a malformed header."""
    try:
        return read_text_facts(path)
    except GgufError as error:
        raise StartError(f"{path}: {error}") from None
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
