"""A model's file, before and after its engine has it."""

from pathlib import Path

from promptweave.gguf.header import GgufError
from promptweave.gguf.tokenizer import TextFacts, read_text_facts
from promptweave.inference.errors import StartError


def check_model_file(path: Path) -> None:
    """Raises StartError for a file that is not there, cannot be read or is no GGUF."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    if magic != b"GGUF":
        raise StartError(f"{path} is no GGUF model file (it begins with {magic!r})")


def read_model_file(path: Path) -> TextFacts:
    """What the file tells and a running engine does not. Raises StartError for a header that is cut or broken."""
    try:
        return read_text_facts(path)
    except GgufError as error:
        raise StartError(f"{path}: {error}") from None
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
