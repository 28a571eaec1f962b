"""Writes a checkpoint as GGUF: `python demo/export.py --data DIR --checkpoint FILE --out FILE`."""

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizer import CONTROL, TAGS

NAMES = {
    "attention_norm.weight": "attn_norm.weight",
    "query.weight": "attn_q.weight",
    "query.bias": "attn_q.bias",
    "key.weight": "attn_k.weight",
    "key.bias": "attn_k.bias",
    "value.weight": "attn_v.weight",
    "value.bias": "attn_v.bias",
    "output.weight": "attn_output.weight",
    "mlp_norm.weight": "ffn_norm.weight",
    "gate.weight": "ffn_gate.weight",
    "up.weight": "ffn_up.weight",
    "down.weight": "ffn_down.weight",
}
"""Of a block: the network's names, the engine's."""


def engine_name(name: str) -> str:
    if name.startswith("blocks."):
        _, layer, rest = name.split(".", 2)
        return f"blk.{layer}.{NAMES[rest]}"
    return {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]


def vocabulary(path: Path, size: int) -> tuple[list[str], list[int], list[str]]:
    """Tokens, their types, and the merges; filled up to `size`."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kind = dict.fromkeys(CONTROL, gguf.TokenType.CONTROL) | dict.fromkeys(TAGS, gguf.TokenType.USER_DEFINED)
    places = document["model"]["vocab"] | {each["content"]: each["id"] for each in document["added_tokens"]}
    tokens = [f"[unused{place}]" for place in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    for token, place in places.items():
        tokens[place], types[place] = token, kind.get(token, gguf.TokenType.NORMAL)
    return tokens, types, [" ".join(pair) for pair in document["model"]["merges"]]


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("--checkpoint", type=Path, required=True)
    reader.add_argument("--out", type=Path, required=True)
    reader.add_argument("--type", choices=["Q8_0", "F16"], default="Q8_0")
    given = reader.parse_args()
    kept = torch.load(given.checkpoint, map_location="cpu", weights_only=True)
    shape, weights = kept["shape"], kept["weights"]
    tokens, types, merges = vocabulary(given.data / "tokenizer.json", shape["vocabulary"])
    writer = gguf.GGUFWriter(given.out, "qwen2")
    writer.add_name("promptweave demo")
    writer.add_description("a demonstration of tool calls, trained on made-up requests; no assistant")
    writer.add_license("MIT")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_layer_norm_rms_eps(shape["norm_eps"])
    writer.add_rope_freq_base(shape["rope_base"])
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if given.type == "Q8_0" else gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template((Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8"))
    kind = gguf.GGMLQuantizationType[given.type]
    for name, weight in weights.items():
        values = weight.float().numpy()
        if values.ndim == 1:
            writer.add_tensor(engine_name(name), values.astype(np.float32))
        else:
            writer.add_tensor(engine_name(name), gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.1f} MB, step {kept['step']:,}")


if __name__ == "__main__":
    main()
