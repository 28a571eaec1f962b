"""Random-weight models like the demo model, with any chat template and any vocabulary: the tests' adversary.

A llama architecture with two small layers. The weights are drawn so that the next token is nearly uniformly distributed: at
temperature 1 a turn ends after a few hundred tokens, and a tool call's tag is about as frequent as any other token.
"""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptweave.demo.gguf_file import gguf_file
from promptweave.gguf.header import GgufError, read_typed_header

if TYPE_CHECKING:
    from gguf import GGUFWriter

CONTEXT = 32_768
WIDTH, HEADS, LAYERS, HIDDEN = 64, 4, 2, 128

CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TAG_TOKENS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


class VocabularyError(ValueError):
    """The vocabulary file is not a GGUF with a tokenizer."""


def demo_template() -> str:
    """Return the demo model's own chat template."""
    return files("promptweave.demo").joinpath("chat_template.jinja").read_text(encoding="utf-8")


def write_demo_model(path: Path, *, template: str | None = None, vocab: Path | None = None, seed: int = 0) -> None:
    """Write the model to `path` atomically.

    `template`: the text of a chat template; `vocab`: a GGUF whose tokenizer is copied. The same arguments give the same
    file. Raises VocabularyError, OSError.
    """
    # A heavy import, needed only here.
    import numpy as np

    with gguf_file(path, "llama") as writer:
        writer.add_name("promptweave demo")
        writer.add_description("random weights: its words are noise")
        writer.add_context_length(CONTEXT)
        writer.add_embedding_length(WIDTH)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(HIDDEN)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(HEADS)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(WIDTH // HEADS)
        tokens = _copy_vocabulary(writer, vocab) if vocab else _add_byte_vocabulary(writer)
        writer.add_vocab_size(tokens)
        writer.add_chat_template(demo_template() if template is None else template)
        _add_weights(writer, tokens, np.random.default_rng(seed))


def _add_weights(writer: "GGUFWriter", tokens: int, random: Any) -> None:
    import numpy as np

    def add(name: str, *shape: int) -> None:
        values = random.standard_normal(shape, dtype=np.float32) / np.sqrt(WIDTH)
        # Matrices are stored as 16-bit floats; a large vocabulary is most of the file.
        writer.add_tensor(name, values.astype(np.float16))

    def add_ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    add("token_embd.weight", tokens, WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        add_ones(block + "attn_norm.weight")
        for part in ("q", "k", "v", "output"):
            add(f"{block}attn_{part}.weight", WIDTH, WIDTH)
        add_ones(block + "ffn_norm.weight")
        add(block + "ffn_gate.weight", HIDDEN, WIDTH)
        add(block + "ffn_up.weight", HIDDEN, WIDTH)
        add(block + "ffn_down.weight", WIDTH, HIDDEN)
    add_ones("output_norm.weight")
    # Not tied to the embedding: with tied weights every token would mostly predict itself.
    add("output.weight", tokens, WIDTH)


def _add_byte_vocabulary(writer: "GGUFWriter") -> int:
    """Add one token per byte, spelled as in GPT-2, and the template's tokens. Returns the number of tokens."""
    from gguf import TokenType

    special = [*CONTROL_TOKENS, *TAG_TOKENS]
    tokens = [*_byte_letters(), "ab", *special]
    types = [TokenType.NORMAL] * 257 + [TokenType.CONTROL] * len(CONTROL_TOKENS) + [TokenType.USER_DEFINED] * len(TAG_TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    # The engine requires at least one merge.
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    return len(tokens)


def _byte_letters() -> list[str]:
    """Return the characters that GPT-2's tokenizer uses for the bytes 0 to 255: printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + place) for place, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def _copy_vocabulary(writer: "GGUFWriter", path: Path) -> int:
    """Copy the tokenizer of a GGUF without its chat templates. Returns the number of tokens."""
    from gguf import GGUFValueType

    try:
        pairs = read_typed_header(
            path, lambda key: key.startswith("tokenizer.") and not key.startswith("tokenizer.chat_template")
        )
    except GgufError as error:
        raise VocabularyError(f"{path}: {error}") from None
    tokens = pairs.get("tokenizer.ggml.tokens")
    if tokens is None:
        raise VocabularyError(f"{path} contains no tokenizer")
    for key, pair in pairs.items():
        item = None if pair.item_type is None else GGUFValueType(pair.item_type)
        writer.add_key_value(key, pair.value, GGUFValueType(pair.type), sub_type=item)
    return len(tokens.value)
