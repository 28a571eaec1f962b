"""Writes a tiny Whisper model of random weights, in whisper.cpp's form (1.9.1, `whisper_model_load`).

Its transcripts are noise, but must be reported correctly: times, tokens, bytes that are not characters.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

_MAGIC = 0x67676D6C
_STATE, _HEADS, _LAYERS, _AUDIO_CONTEXT, _TEXT_CONTEXT, _MELS, _FFT = 64, 1, 4, 1500, 448, 80, 201
_F16 = 1

Shape = tuple[int, ...]


def write_whisper_model(path: Path, *, vocabulary: int = 51865) -> Path:
    """`vocabulary` 51864: English only; 51865: 99 languages."""
    random = np.random.default_rng(7)
    with path.open("wb") as file:
        sizes = (vocabulary, _AUDIO_CONTEXT, _STATE, _HEADS, _LAYERS, _TEXT_CONTEXT, _STATE, _HEADS, _LAYERS, _MELS, _F16)
        file.write(struct.pack("<I11i", _MAGIC, *sizes))
        file.write(struct.pack("<2i", _MELS, _FFT))
        file.write(random.random((_MELS, _FFT), dtype=np.float32).tobytes())
        words = [*_words()]
        file.write(struct.pack("<i", len(words)))
        for word in words:
            file.write(struct.pack("<I", len(word)) + word)
        for name, shape, is_matrix in _tensors(vocabulary):
            values = random.standard_normal(shape, dtype=np.float32) * 0.3
            _write(file, name, values, is_matrix=is_matrix)
    return path


def _words() -> Iterator[bytes]:
    """All bytes, and then pseudo-words, as many as real models have before their special tokens."""
    yield from (bytes([byte]) for byte in range(256))
    yield from (f"{' ' if number % 3 else ''}w{number}".encode() for number in range(256, 50257))


def _write(file: BinaryIO, name: str, values: "np.ndarray[Shape, np.dtype[np.float32]]", *, is_matrix: bool) -> None:
    file.write(struct.pack("<3i", values.ndim, len(name), int(is_matrix)))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode())
    file.write(values.astype(np.float16).tobytes() if is_matrix else values.tobytes())


def _tensors(vocabulary: int) -> Iterator[tuple[str, Shape, bool]]:
    """Names, shapes as numpy writes them, and whether they are 16-bit."""
    yield "encoder.positional_embedding", (_AUDIO_CONTEXT, _STATE), False
    yield "encoder.conv1.weight", (_STATE, _MELS, 3), True
    yield "encoder.conv1.bias", (_STATE, 1), False
    yield "encoder.conv2.weight", (_STATE, _STATE, 3), True
    yield "encoder.conv2.bias", (_STATE, 1), False
    yield from _norm("encoder.ln_post")
    yield "decoder.positional_embedding", (_TEXT_CONTEXT, _STATE), False
    yield "decoder.token_embedding.weight", (vocabulary, _STATE), True
    yield from _norm("decoder.ln")
    for part in ("encoder", "decoder"):
        for layer in range(_LAYERS):
            block = f"{part}.blocks.{layer}"
            yield from _norm(f"{block}.mlp_ln")
            yield f"{block}.mlp.0.weight", (4 * _STATE, _STATE), True
            yield f"{block}.mlp.0.bias", (4 * _STATE,), False
            yield f"{block}.mlp.2.weight", (_STATE, 4 * _STATE), True
            yield f"{block}.mlp.2.bias", (_STATE,), False
            for attention in ("attn", "cross_attn") if part == "decoder" else ("attn",):
                yield from _norm(f"{block}.{attention}_ln")
                for what in ("query", "key", "value", "out"):
                    yield f"{block}.{attention}.{what}.weight", (_STATE, _STATE), True
                    if what != "key":
                        yield f"{block}.{attention}.{what}.bias", (_STATE,), False


def _norm(name: str) -> Iterator[tuple[str, Shape, bool]]:
    yield f"{name}.weight", (_STATE,), False
    yield f"{name}.bias", (_STATE,), False
