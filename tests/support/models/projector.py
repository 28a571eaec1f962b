"""Writes a projector (mmproj) for the demo model: random weights; an image of 28 x 28 pixels becomes four tokens.

LLaVA's architecture, the plainest that llama.cpp knows: a vision transformer, and two matrices behind it. The names are of
its tools/mtmd/clip-impl.h (b11549).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from promptweave.demo.gguf_file import gguf_file
from promptweave.demo.model import WIDTH as MODEL_WIDTH

if TYPE_CHECKING:
    from gguf import GGUFWriter

IMAGE, PATCH = 28, 14
IMAGE_TOKENS = (IMAGE // PATCH) ** 2
"""What a picture takes in the prompt."""

_WIDTH, _HEADS, _LAYERS, _HIDDEN = 32, 2, 2, 64


def write_projector(path: Path, *, width: int = MODEL_WIDTH, seed: int = 0) -> None:
    """Writes it, whole or not at all. `width`: the model's."""
    with gguf_file(path, "clip") as writer:
        writer.add_name("promptweave demo projector")
        writer.add_file_type(1)
        writer.add_bool("clip.has_vision_encoder", True)
        writer.add_bool("clip.has_llava_projector", True)
        writer.add_string("clip.projector_type", "mlp")
        writer.add_bool("clip.use_gelu", True)
        writer.add_vision_image_size(IMAGE)
        writer.add_vision_patch_size(PATCH)
        writer.add_vision_embedding_length(_WIDTH)
        writer.add_vision_feed_forward_length(_HIDDEN)
        writer.add_vision_block_count(_LAYERS)
        writer.add_vision_head_count(_HEADS)
        writer.add_vision_projection_dim(width)
        writer.add_vision_attention_layernorm_eps(1e-5)
        writer.add_vision_image_mean([0.5, 0.5, 0.5])
        writer.add_vision_image_std([0.5, 0.5, 0.5])
        _add_weights(writer, width, np.random.default_rng(seed))


def _add_weights(writer: "GGUFWriter", width: int, random: np.random.Generator) -> None:
    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[-1])))

    def add_layer(name: str, rows: int, columns: int) -> None:
        add(f"{name}.weight", rows, columns)
        writer.add_tensor(f"{name}.bias", np.zeros(rows, dtype=np.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, dtype=np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(_WIDTH, dtype=np.float32))

    add("v.patch_embd.weight", _WIDTH, 3, PATCH, PATCH)
    add("v.position_embd.weight", IMAGE_TOKENS, _WIDTH)
    for layer in range(_LAYERS):
        block = f"v.blk.{layer}"
        add_norm(f"{block}.ln1")
        for part in ("q", "k", "v", "out"):
            add_layer(f"{block}.attn_{part}", _WIDTH, _WIDTH)
        add_norm(f"{block}.ln2")
        add_layer(f"{block}.ffn_up", _HIDDEN, _WIDTH)
        add_layer(f"{block}.ffn_down", _WIDTH, _HIDDEN)
    add_layer("mm.0", width, _WIDTH)
    add_layer("mm.2", width, width)
