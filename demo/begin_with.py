"""Reads a model file that `export.py` wrote, to train it further: `python demo/begin_with.py --model FILE --data DIR --out DIR`.

Writes `tokenizer.json` into --data, for `tokenizer.py --tokenizer`, and `begin.pt` into --out, for `train.py --resume`.
The optimizers' memory is not in a model file: they begin anew.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from export import engine_name
from network import Network, Shape
from tokenizer import CONTROL, TAGS, of_merges
from train import COPIES


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--model", type=Path, required=True)
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("--out", type=Path, required=True)
    given = reader.parse_args()
    model = gguf.GGUFReader(given.model)
    said = {key.removeprefix("qwen2."): field.contents() for key, field in model.fields.items()}
    tokens = said["tokenizer.ggml.tokens"]
    special = set(CONTROL + TAGS)
    learnt = [token for token in tokens if token not in special and not token.startswith("[unused")]
    tokenizer = of_merges(learnt, [tuple(pair.split(" ")) for pair in said["tokenizer.ggml.merges"]])
    assert all(tokenizer.token_to_id(token) == tokens.index(token) for token in [*learnt, *special])
    given.data.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(given.data / "tokenizer.json"))
    shape = Shape(
        len(tokens),
        said["embedding_length"],
        said["block_count"],
        said["attention.head_count"],
        said["attention.head_count_kv"],
        said["feed_forward_length"],
    )
    tensors = {each.name: gguf.quants.dequantize(each.data, each.tensor_type) for each in model.tensors}
    network = Network(shape)
    weights = {
        name: torch.from_numpy(np.array(tensors[engine_name(name)], np.float32)).reshape(kept.shape)
        for name, kept in network.state_dict().items()
    }
    network.load_state_dict(weights)
    given.out.mkdir(parents=True, exist_ok=True)
    kept = {"shape": shape.as_dict(), "weights": weights, "optimizers": [], "step": COPIES, "spent": 0.0, "seen": 0}
    torch.save(kept, given.out / "begin.pt")
    print(f"{given.out / 'begin.pt'}: {sum(each.numel() for each in weights.values()):,} parameters")


if __name__ == "__main__":
    main()
