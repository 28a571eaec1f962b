"""Tiny embedding models and rerankers with random weights: the values are noise, the format of the responses is real.

A BERT with two small layers. Its tokens are letters, digits and some punctuation, each with and without a leading space;
texts are lower-cased, as with most models of this kind.
"""

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptweave.demo.gguf_file import gguf_file

if TYPE_CHECKING:
    from gguf import GGUFWriter

CONTEXT = 128
WIDTH, HEADS, LAYERS, HIDDEN = 32, 2, 2, 64

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
_SPACE = "\u2581"
"""Marks tokens that begin a word. (WordPiece marks the others, GGUF these.)"""


def write_embedding_model(path: Path, *, pooling: str | None = "MEAN", seed: int = 0) -> None:
    """Write the model to `path` atomically. The same arguments give the same file. Raises OSError.

    `pooling`: a name in gguf.PoolingType; "RANK" makes a reranker; None leaves it out of the file.
    """
    import numpy as np
    from gguf import PoolingType

    with gguf_file(path, "bert") as writer:
        writer.add_name("promptweave demo embeddings")
        writer.add_description("random weights: its vectors are noise")
        writer.add_context_length(CONTEXT)
        writer.add_embedding_length(WIDTH)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(HIDDEN)
        writer.add_head_count(HEADS)
        writer.add_layer_norm_eps(1e-12)
        writer.add_causal_attention(False)
        if pooling is not None:
            writer.add_pooling_type(PoolingType[pooling])
        tokens = _add_vocabulary(writer)
        writer.add_vocab_size(tokens)
        _add_weights(writer, tokens, np.random.default_rng(seed), reranker=pooling == "RANK")


def _add_vocabulary(writer: "GGUFWriter") -> int:
    from gguf import TokenType

    tokens = [*SPECIAL_TOKENS, *(_SPACE + char for char in _CHARACTERS), *_CHARACTERS]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * len(SPECIAL_TOKENS) + [TokenType.NORMAL] * 2 * len(_CHARACTERS))
    writer.add_token_type_count(2)
    writer.add_pad_token_id(tokens.index("[PAD]"))
    writer.add_unk_token_id(tokens.index("[UNK]"))
    writer.add_bos_token_id(tokens.index("[CLS]"))
    writer.add_sep_token_id(tokens.index("[SEP]"))
    writer.add_mask_token_id(tokens.index("[MASK]"))
    return len(tokens)


def _add_weights(writer: "GGUFWriter", tokens: int, random: Any, *, reranker: bool) -> None:
    import numpy as np

    def add(name: str, *shape: int) -> None:
        weights = random.standard_normal(shape, dtype=np.float32) / np.sqrt(shape[-1])
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def add_linear(name: str, outputs: int, inputs: int) -> None:
        add(name, outputs, inputs)
        writer.add_tensor(f"{name}.bias", np.zeros(outputs, dtype=np.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, dtype=np.float32))

    add("token_embd", tokens, WIDTH)
    add("token_types", 2, WIDTH)
    add("position_embd", CONTEXT, WIDTH)
    add_norm("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for part in ("q", "k", "v", "output"):
            add_linear(f"{block}attn_{part}", WIDTH, WIDTH)
        add_norm(f"{block}attn_output_norm")
        add_linear(f"{block}ffn_up", HIDDEN, WIDTH)
        add_linear(f"{block}ffn_down", WIDTH, HIDDEN)
        add_norm(f"{block}layer_output_norm")
    if reranker:
        add_linear("cls", WIDTH, WIDTH)
        add_linear("cls.output", 1, WIDTH)
