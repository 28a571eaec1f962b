"""Reading the header of an embedding or rerank model file: the maximum length of texts, and the pooling."""

from dataclasses import dataclass
from pathlib import Path

from promptweave.gguf.header import GgufError, read_header
from promptweave.inference.errors import StartError

POOLINGS = {1: "mean", 2: "cls", 3: "last", 4: "rank"}
"""llama.cpp's names for GGUF's numbers; 0 is none: a vector for each token."""

RANK = "rank"

_ARCHITECTURE = "general.architecture"
_KEYS = (".context_length", ".pooling_type", ".attention.causal")


@dataclass(frozen=True)
class VectorModel:
    """A model that computes vectors, or scores, of texts."""

    context_size: int
    """The length of the longest text that it was trained with, in tokens."""
    pooling: str | None
    """How the vectors of a text's tokens are pooled into one; "rank": into a score. None: not in the file."""
    causal: bool
    """Whether its attention is causal, as in models that generate text."""


def read_vector_model(path: Path) -> VectorModel:
    """Read a file's header. Raises StartError."""
    try:
        pairs = read_header(path, lambda key: key == _ARCHITECTURE or key.endswith(_KEYS))
    except GgufError as error:
        raise StartError(f"{path}: {error}") from None
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    architecture = pairs.get(_ARCHITECTURE)
    context = pairs.get(f"{architecture}.context_length")
    if not isinstance(context, int) or context < 1:
        raise StartError(f"{path} is not a model file: it does not specify a context length")
    pooling = POOLINGS.get(pairs.get(f"{architecture}.pooling_type", 0))
    return VectorModel(context, pooling, causal=pairs.get(f"{architecture}.attention.causal") is not False)
