"""The models for the speed measurements, built locally: none is downloaded.

`heavy`: the demo model with layers that add nothing. Its answers are the demo model's, token by token, at the cost of sixty
million parameters. `random`: random weights in the shape of a 0.5B model with 152k tokens: the grammar alone decides.
"""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quants

from promptweave.demo import shipped_model
from promptweave.demo.gguf_file import gguf_file
from promptweave.demo.model import demo_template

VOCABULARY = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-qwen2.gguf"

CONTEXT = 32_768
HEAVY_LAYERS, HEAVY_HIDDEN = 10, 8192
"""Of 6.3 million parameters each."""

WIDTH, HEADS, KV_HEADS, LAYERS, HIDDEN = 896, 14, 2, 24, 4864
"""As in Qwen2.5-0.5B."""

_Q8 = GGMLQuantizationType.Q8_0


def model(name: str, folder: Path) -> Path:
    """Return the model's file, building it if it does not exist yet."""
    if name == "demo":
        return shipped_model()
    path = folder / f"promptweave-speed-{name}.gguf"
    if not path.exists():
        {"heavy": _write_heavy, "random": _write_random}[name](path)
    return path


def _write_heavy(path: Path) -> None:
    source = GGUFReader(shipped_model())
    architecture = source.fields["general.architecture"].contents()
    changed = {"block_count": HEAVY_LAYERS, "feed_forward_length": HEAVY_HIDDEN, "context_length": CONTEXT}
    tensors = {tensor.name: tensor for tensor in source.tensors}
    own = source.fields[f"{architecture}.block_count"].contents()
    with gguf_file(path, architecture) as writer:
        for name, value in changed.items():
            writer.add_uint32(f"{architecture}.{name}", value)
        _copy_keys(writer, source, {"general.architecture", *(f"{architecture}.{name}" for name in changed)})
        for name, tensor in tensors.items():
            if not name.startswith("blk."):
                writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
        for layer in range(HEAVY_LAYERS):
            for name, tensor in tensors.items():
                if name.startswith("blk.0."):
                    rest = name.removeprefix("blk.0.")
                    theirs = tensors.get(f"blk.{layer}.{rest}", tensor)
                    data = _heavier(rest, theirs.data, idle=layer >= own)
                    writer.add_tensor(f"blk.{layer}.{rest}", data, raw_dtype=tensor.tensor_type)


def _heavier(name: str, data: Any, *, idle: bool) -> Any:
    """Extend a layer's tensor with hidden units that are all zero; an idle layer's output is zero, too."""
    bytes_each = 34 / 32  # Q8_0: 32 numbers with a scale of two bytes.
    if name in ("ffn_gate.weight", "ffn_up.weight"):
        data = np.concatenate([data, np.zeros((HEAVY_HIDDEN - data.shape[0], data.shape[1]), data.dtype)])
    if name == "ffn_down.weight":
        more = int(HEAVY_HIDDEN * bytes_each) - data.shape[1]
        data = np.concatenate([data, np.zeros((data.shape[0], more), data.dtype)], axis=1)
    return np.zeros_like(data) if idle and name in ("attn_output.weight", "ffn_down.weight") else data


def _write_random(path: Path) -> None:
    dice = np.random.default_rng(0)
    source = GGUFReader(VOCABULARY)
    tokens = len(source.fields["tokenizer.ggml.tokens"].contents())

    def add(name: str, *shape: int) -> None:
        values = dice.standard_normal(shape, dtype=np.float32) / np.sqrt(shape[-1], dtype=np.float32)
        writer.add_tensor(name, quants.quantize(values, _Q8), raw_dtype=_Q8)

    def add_ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))

    with gguf_file(path, "llama") as writer:
        writer.add_name("random weights in the shape of a 0.5B model")
        writer.add_context_length(CONTEXT)
        writer.add_embedding_length(WIDTH)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(HIDDEN)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_dimension_count(WIDTH // HEADS)
        writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
        _copy_keys(writer, source, {name for name in source.fields if not name.startswith("tokenizer.ggml.")})
        writer.add_vocab_size(tokens)
        writer.add_chat_template(demo_template())
        add("token_embd.weight", tokens, WIDTH)
        for layer in range(LAYERS):
            block, narrow = f"blk.{layer}.", WIDTH * KV_HEADS // HEADS
            add_ones(f"{block}attn_norm.weight")
            add(f"{block}attn_q.weight", WIDTH, WIDTH)
            add(f"{block}attn_k.weight", narrow, WIDTH)
            add(f"{block}attn_v.weight", narrow, WIDTH)
            add(f"{block}attn_output.weight", WIDTH, WIDTH)
            add_ones(f"{block}ffn_norm.weight")
            add(f"{block}ffn_gate.weight", HIDDEN, WIDTH)
            add(f"{block}ffn_up.weight", HIDDEN, WIDTH)
            add(f"{block}ffn_down.weight", WIDTH, HIDDEN)
        add_ones("output_norm.weight")


def _copy_keys(writer: GGUFWriter, source: GGUFReader, but: set[str]) -> None:
    for name, field in source.fields.items():
        if name in but or name.startswith("GGUF."):
            continue
        kind, *item = field.types
        if kind is GGUFValueType.ARRAY:
            writer.add_key_value(name, field.contents(), kind, sub_type=item[-1])
        else:
            writer.add_key_value(name, field.contents(), kind)
