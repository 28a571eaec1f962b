"""Selected key-value pairs from a GGUF file's header: versions 2 and 3, little endian.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The `gguf` package can read it, too, but makes Python
objects of everything in it: ten seconds for a vocabulary of 128,000 tokens, when only a template and two tokens are needed.
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


class GgufError(ValueError):
    """The file is not a GGUF, or is damaged."""


@dataclass(frozen=True, slots=True)
class GgufValue:
    """A value with its type and, for a list, the type of its items, as GGUF's numbers."""

    value: Any
    type: int
    item_type: int | None = None


def read_header(path: Path, wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Return the pairs whose key is wanted: strings, numbers, booleans, and lists of them. Raises GgufError, OSError."""
    return {key: pair.value for key, pair in read_typed_header(path, wanted).items()}


def read_typed_header(path: Path, wanted: Callable[[str], bool]) -> dict[str, GgufValue]:
    """Return the same pairs as `read_header`, with their types."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise GgufError("not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Header(data).read(wanted)
            except (struct.error, ValueError, KeyError, OverflowError, RecursionError) as error:
                raise GgufError(f"the GGUF file is truncated or corrupted: {error}") from None


class _Header:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._place = len(_MAGIC)

    def read(self, wanted: Callable[[str], bool]) -> dict[str, GgufValue]:
        version = self._scalar("<I")
        if version not in (2, 3):
            raise ValueError(f"unsupported version {version}")
        self._scalar("<Q")  # The number of tensors.
        pairs = {}
        for _ in range(self._scalar("<Q")):
            key = self._string()
            kind = self._scalar("<I")
            if wanted(key):
                (item,) = struct.unpack_from("<I", self._data, self._place) if kind == _ARRAY else (None,)
                pairs[key] = GgufValue(self._value(kind), kind, item)
            else:
                self._skip(kind, 1)
        return pairs

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            item, count = self._scalar("<I"), self._scalar("<Q")
            return [self._value(item) for _ in range(count)]
        return self._scalar(_SCALARS[kind])

    def _scalar(self, form: str) -> Any:
        value = struct.unpack_from(form, self._data, self._place)[0]
        self._place += struct.calcsize(form)
        return value

    def _string(self) -> str:
        end = self._scalar("<Q") + self._place
        self._check(end)
        text, self._place = self._data[self._place : end], end
        # Tokens of some vocabularies are not UTF-8.
        return text.decode(errors="replace")

    def _skip(self, kind: int, count: int) -> None:
        if kind == _STRING:
            # The fast path: a vocabulary has up to about 300,000 strings.
            unpack, place = struct.Struct("<Q").unpack_from, self._place
            for _ in range(count):
                place += 8 + unpack(self._data, place)[0]
            self._place = place
        elif kind == _ARRAY:
            for _ in range(count):
                item = self._scalar("<I")
                self._skip(item, self._scalar("<Q"))
        else:
            self._place += struct.calcsize(_SCALARS[kind]) * count
        self._check(self._place)

    def _check(self, place: int) -> None:
        if place > len(self._data):
            raise ValueError("it ends inside a value")
