"""A model's file: checks before it is loaded, progress while it is loaded, and its header."""

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


def loaded_part(pid: int, model: Path) -> float | None:
    """Return the part of a model file that a process has in memory: 0 to 1, slightly high, since its program counts, too.

    Engines do not report it (builds b11434 to b11549), but Linux does (proc(5)): `RssFile` if the file is mapped, `rchar` if
    it is read. None if that is not available, and for a model in several files.
    """
    if "-00001-of-" in model.name:
        return None
    try:
        size = model.stat().st_size
        mapped = _number(Path(f"/proc/{pid}/status"), "RssFile:") * 1024
        read = _number(Path(f"/proc/{pid}/io"), "rchar:")
    except (OSError, ValueError):
        return None
    return min(max(mapped, read) / size, 1.0) if size else None


def _number(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.removeprefix(name).split()[0])
    raise ValueError(name)
