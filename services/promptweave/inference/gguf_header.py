"""Reads the few facts of a GGUF file's header that a running engine does not tell.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little endian). Written out because
the `gguf` package maps the whole file through numpy, 60 MB in a process that needs three strings.
"""

import mmap
import struct
from pathlib import Path
from typing import Any

from promptweave.inference.errors import StartError

MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

_TEMPLATE = "tokenizer.chat_template"


def check_model_file(path: Path) -> None:
    """Raises StartError for a file that is not there, cannot be read or is no GGUF."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    if magic != MAGIC:
        raise StartError(f"{path} is no GGUF model file (it begins with {magic!r})")


def read_templates(path: Path) -> dict[str, str]:
    """The chat templates by name; the default one's name is "". Raises StartError for a header that is cut or broken."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            pairs = _Header(data).read()
    except (struct.error, ValueError, KeyError, RecursionError) as error:
        raise StartError(f"{path} is a broken GGUF file: {error}") from None
    except OSError as error:
        raise StartError(f"cannot read the model file {path}: {error.strerror}") from None
    templates = {key.removeprefix(_TEMPLATE).removeprefix("."): text for key, text in pairs.items() if isinstance(text, str)}
    return {name: text for name, text in templates.items() if text}


class _Header:
    """The key-value pairs of a header, whose values are kept only where they are chat templates."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._place = 4

    def read(self) -> dict[str, Any]:
        version = self._scalar("<I")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}")
        self._scalar("<Q")  # The number of tensors.
        pairs = {}
        for _ in range(self._scalar("<Q")):
            key = self._string().decode(errors="replace")
            kind = self._scalar("<I")
            if kind == _STRING and (key == _TEMPLATE or key.startswith(f"{_TEMPLATE}.")):
                pairs[key] = self._string().decode(errors="replace")
            else:
                self._skip(kind)
        return pairs

    def _scalar(self, form: str) -> int:
        value: int = struct.unpack_from(form, self._data, self._place)[0]
        self._place += struct.calcsize(form)
        return value

    def _string(self) -> bytes:
        length = self._scalar("<Q")
        if self._place + length > len(self._data):
            raise ValueError("it ends inside a string")
        self._place += length
        return self._data[self._place - length : self._place]

    def _skip(self, kind: int, count: int = 1) -> None:
        if kind == _STRING:
            unpack = struct.Struct("<Q").unpack_from
            place, data = self._place, self._data
            for _ in range(count):  # A vocabulary has up to 300,000 of them.
                place += 8 + unpack(data, place)[0]
            self._place = place
        elif kind == _ARRAY:
            for _ in range(count):
                item = self._scalar("<I")
                self._skip(item, self._scalar("<Q"))
        else:
            self._place += struct.calcsize(_SCALARS[kind]) * count
        if self._place > len(self._data):
            raise ValueError("it ends inside a value")
