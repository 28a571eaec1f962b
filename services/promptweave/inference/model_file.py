"""What a model's file tells that a running engine does not."""

from dataclasses import dataclass, field
from pathlib import Path

from promptweave.gguf_header import GgufError, read_header
from promptweave.inference.errors import StartError

_TEMPLATE = "tokenizer.chat_template"
_BOS, _EOS = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"


@dataclass(frozen=True)
class ModelFile:
    """Chat templates by name, the default one's name is ""; and whether the model has these tokens.

    Where it has none, the engine makes one up.
    """

    templates: dict[str, str] = field(default_factory=dict)
    has_bos: bool = False
    has_eos: bool = False


def check_model_file(path: Path) -> None:
    """Raises StartError for a file that is not there, cannot be read or is no GGUF."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    if magic != b"GGUF":
        raise StartError(f"{path} is no GGUF model file (it begins with {magic!r})")


def read_model_file(path: Path) -> ModelFile:
    """Reads the header. Raises StartError for one that is cut or broken."""
    try:
        pairs = read_header(path, lambda key: key in (_BOS, _EOS) or key == _TEMPLATE or key.startswith(f"{_TEMPLATE}."))
    except GgufError as error:
        raise StartError(f"{path}: {error}") from None
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    texts = {key: text for key, text in pairs.items() if isinstance(text, str) and text}
    templates = {key.removeprefix(_TEMPLATE).removeprefix("."): text for key, text in texts.items()}
    return ModelFile(templates, _BOS in pairs, _EOS in pairs)
