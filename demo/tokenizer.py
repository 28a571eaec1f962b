"""Trains the tokenizer and writes the conversations as tokens: `python demo/tokenizer.py --data DIR`.

Copying should be a map from token to token: a name is the same tokens behind a space, a quote or at a line's beginning.
So merges are learnt inside words only: a space is a token of its own, as is each digit. JSON's punctuation is merged by a
list of ours. To the engine it is a `gpt2` tokenizer with the splits of GPT-2; what those join, no merge does.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Encoding, Regex, Tokenizer, models, pre_tokenizers, trainers

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TAGS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>"]
PUNCTUATION = ['{ "', '" }', '" :', '" ,', '[ "', '" ]', 'Ġ {"', 'Ġ ["', 'Ġ "', '"} }', "} }", "? :", "] }"]

CALLED = re.compile(r'(?<=<tool_call>\n\{"name": ")[^"]*')
DECIDING = 4
"""How much a decision counts in the loss: to call or to answer, and each token of a tool's name."""


def letters() -> list[str]:
    """GPT-2's spelling of the bytes 0 to 255."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    spelled = {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + place) for place, byte in enumerate(others)}
    return [spelled[byte] for byte in range(256)]


def train(texts: Iterator[str], size: int) -> Tokenizer:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{L}+"), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    special = len(CONTROL) + len(TAGS)
    trainer = trainers.BpeTrainer(vocab_size=size - special - len(PUNCTUATION), initial_alphabet=letters(), min_frequency=3)
    inner.train_from_iterator(texts, trainer)
    learnt = [tuple(pair) for pair in json.loads(inner.to_str())["model"]["merges"]]
    merges = [*(tuple(pair.split(" ")) for pair in PUNCTUATION), *learnt]
    return of_merges(list(dict.fromkeys([*letters(), *("".join(pair) for pair in merges)])), merges)


def of_merges(tokens: list[str], merges: list[tuple[str, ...]]) -> Tokenizer:
    vocabulary = {token: place for place, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in [*CONTROL, *TAGS]])
    return tokenizer


def weights(piece: Encoding, text: str, mine: bool) -> list[int]:
    """How much each token of a piece counts in the loss: nothing where the model does not write it."""
    if not mine:
        return [0] * len(piece.ids)
    decided = {0, *(place for match in CALLED.finditer(text) for place in range(*match.span()))}
    return [DECIDING if start in decided else 1 for start, _ in piece.offsets]


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("--size", type=int, default=3072)
    reader.add_argument(
        "--tokenizer", type=Path, help="one that is there, for a training that goes on with other conversations"
    )
    given = reader.parse_args()
    lines = (given.data / "train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    if given.tokenizer:
        tokenizer = Tokenizer.from_file(str(given.tokenizer))
    else:
        tokenizer = train(("".join(text for text, _ in json.loads(line)) for line in lines[:20_000]), given.size)
    tokenizer.save(str(given.data / "tokenizer.json"))
    tokens: list[np.ndarray] = []
    learnt: list[np.ndarray] = []
    for at in range(0, len(lines), 5_000):
        parts = [json.loads(line) for line in lines[at : at + 5_000]]
        encoded = tokenizer.encode_batch([text for each in parts for text, _ in each])
        found = iter(encoded)
        for each in parts:
            pieces = [next(found) for _ in each]
            tokens.append(np.array([token for piece in pieces for token in piece.ids], np.uint16))
            learnt.append(
                np.concatenate([weights(piece, *part) for piece, part in zip(pieces, each, strict=True)]).astype(np.uint8)
            )
    ends = np.cumsum([len(each) for each in tokens])
    np.savez(given.data / "train.npz", tokens=np.concatenate(tokens), learnt=np.concatenate(learnt), ends=ends)
    print(
        f"{tokenizer.get_vocab_size():,} tokens; {len(tokens):,} conversations of {ends[-1] / len(tokens):.0f} tokens, {(np.concatenate(learnt) > 0).mean():.0%} to learn"
    )


if __name__ == "__main__":
    main()
