"""Trains the network: `python demo/train.py --data DIR --out DIR --minutes N`. Run again, it goes on where it was.

The rate of learning rises, stays, and falls to nothing over the last third of the time: what was reached before it fell is
kept as `stable.pt`, from which a longer training can go on. On CPUs, each process has one thread and its share of a step.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from muon import Muon
from network import Network, Shape

DECAY = 0.4
COPIES = 400
"""Steps in which many sequences are made-up tokens, twice: copying is learnt first. Later they are `COPIES_AFTER` of all."""
COPIES_AFTER = 0.04
SWAPPED = 0.5
"""Conversations in which the rare tokens of words are swapped for others, the same ones everywhere in it: what can be copied
and matched then hangs on no word. Without it, words that were held out are not copied (`Antwerp` became `Ananerp`)."""
RARE = 0.02
"""A token in fewer conversations than this is rare."""


class Data:
    def __init__(self, folder: Path, rank: int, world: int, seed: int) -> None:
        with np.load(folder / "train.npz") as file:
            self.tokens, self.learnt, self.ends = file["tokens"], file["learnt"], file["ends"]
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        self.rare = self._rare([place for token, place in vocabulary.items() if token.isascii() and token.isalpha()])
        self.same = np.arange(int(self.tokens.max()) + 1)
        self.random = np.random.default_rng([seed, rank])
        self.share = np.arange(rank, len(self.ends), world)

    def _rare(self, words: list[int]) -> np.ndarray:
        """Those of `words` (tokens of letters) that few of the first conversations hold."""
        ends = self.ends[:20_000]
        found = np.zeros(max(words) + 1)
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            within = np.unique(self.tokens[start:end])
            found[within[within < len(found)]] += 1
        return np.array([word for word in words if found[word] < RARE * len(ends)])

    def batches(self, size: int) -> Iterator[list[int]]:
        """Conversations of about the same length, `size` tokens together."""
        starts = np.concatenate([[0], self.ends[:-1]])
        lengths = self.ends - starts
        while True:
            order = self.random.permutation(self.share)
            for at in range(0, len(order), 1024):
                some = sorted(order[at : at + 1024], key=lambda place: lengths[place])
                found, batch = [], []
                for place in some:
                    if batch and lengths[place] * (len(batch) + 1) > size:
                        found.append(batch)
                        batch = []
                    batch.append(int(place))
                found.append(batch)
                yield from (found[place] for place in self.random.permutation(len(found)))

    def tensors(self, batch: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        spans = [(int(self.ends[place - 1]) if place else 0, int(self.ends[place])) for place in batch]
        length = max(end - start for start, end in spans)
        tokens, learnt = np.zeros((len(batch), length), np.int64), np.zeros((len(batch), length), np.uint8)
        for row, (start, end) in enumerate(spans):
            tokens[row, : end - start], learnt[row, : end - start] = self.tokens[start:end], self.learnt[start:end]
            if self.random.random() < SWAPPED:
                others = self.same.copy()
                others[self.rare] = self.random.permutation(self.rare)
                tokens[row] = others[tokens[row]]
        return torch.from_numpy(tokens), torch.from_numpy(learnt)

    def copies(self, size: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Random tokens in short runs, each said twice with others between: the second time is learnt."""
        half = int(self.random.integers(12, 40))
        first = self.random.integers(0, vocabulary, (size // (2 * half), half))
        tokens = torch.from_numpy(np.concatenate([first, first], 1))
        learnt = torch.zeros_like(tokens, dtype=torch.uint8)
        learnt[:, half + 1 :] = 1
        return tokens, learnt


def rate(progress: float) -> float:
    return min(1.0, progress / 0.02 + 0.05, max(0.0, (1 - progress) / DECAY))


def work(rank: int, given: argparse.Namespace) -> None:
    gpu = torch.cuda.is_available()
    device, world = torch.device("cuda" if gpu else "cpu"), given.processes
    # Without instructions for it, a CPU computes in bfloat16 many times slower than in float32 (14 times on AVX2).
    halves = gpu or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    if not gpu:
        torch.set_num_threads(1)
    if world > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(given.port))
        dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(given.seed)
    vocabulary = len(json.loads((given.data / "tokenizer.json").read_text())["model"]["vocab"]) + 9
    shape = Shape(-(-vocabulary // 32) * 32, given.width, given.layers, given.heads, given.heads // 2, given.hidden)
    network = Network(shape).to(device)
    matrices = [each for name, each in network.named_parameters() if each.dim() == 2 and not name.startswith("embedding")]
    known = {id(each) for each in matrices}
    others = [each for each in network.parameters() if id(each) not in known]
    optimizers = [
        Muon(matrices, lr=given.rate),
        torch.optim.AdamW(others, lr=given.rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    step, spent, seen = 0, 0.0, 0
    last = given.out / "last.pt"
    begin = last if last.exists() else given.resume
    if begin:
        kept = torch.load(begin, map_location=device, weights_only=True)
        network.load_state_dict(kept["weights"])
        if kept["optimizers"]:
            for optimizer, state in zip(optimizers, kept["optimizers"], strict=True):
                optimizer.load_state_dict(state)
        step, spent, seen = kept["step"], kept["spent"], kept["seen"]
    data = Data(given.data, rank, world, given.seed + step)
    batches, total = data.batches(given.tokens), given.minutes * 60.0
    parameters = list(network.parameters())

    def keep(name: str) -> None:
        state = {
            "shape": shape.as_dict(),
            "weights": network.state_dict(),
            "optimizers": [each.state_dict() for each in optimizers],
            "step": step,
            "spent": spent,
            "seen": seen,
        }
        torch.save(state, given.out / f"{name}.part")
        os.replace(given.out / f"{name}.part", given.out / f"{name}.pt")

    saved, now, running, stable = time.monotonic(), time.monotonic(), 0.0, spent / total > 1 - DECAY
    while spent < total:
        copying = data.random.random() < max(COPIES_AFTER, 0.5 * (1 - step / COPIES))
        tokens, learnt = data.copies(given.tokens, vocabulary - 9) if copying else data.tensors(next(batches))
        tokens, learnt = tokens.to(device), learnt.to(device)
        ahead = F.pad(learnt[:, 1:], (0, 1))
        places = ahead.flatten().nonzero().squeeze(1)
        wanted = tokens.roll(-1, 1).flatten()[places]
        with torch.autocast(device.type, torch.bfloat16, enabled=halves):
            logits = network(tokens, places)
        weights = ahead.flatten()[places].float()
        losses = F.cross_entropy(logits.float(), wanted, reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        figures = torch.tensor(
            [spent, 0.0 if copying else losses.mean().item(), 0.0 if copying else 1.0, float(tokens.numel())]
        )
        if world > 1:
            flat = torch.cat([*(each.grad.flatten() for each in parameters if each.grad is not None), figures])
            dist.all_reduce(flat)
            at = 0
            for each in parameters:
                if each.grad is not None:
                    each.grad.copy_(flat[at : at + each.numel()].view_as(each) / world)
                    at += each.numel()
            figures = flat[-4:]
        spent, seen = float(figures[0]) / world, seen + int(figures[3])
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = given.rate * rate(spent / total)
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        if figures[2]:
            value = float(figures[1] / figures[2])
            running = value if not running else 0.95 * running + 0.05 * value
        before, now = now, time.monotonic()
        spent += now - before
        if rank == 0 and step % 20 == 0:
            record = {
                "step": step,
                "seconds": round(spent),
                "tokens": seen,
                "loss": round(running, 4),
                "rate": round(given.rate * rate(spent / total), 6),
            }
            print(record, flush=True)
            with open(given.out / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        if rank == 0 and now - saved > 120:
            keep("last")
            saved = now
        if rank == 0 and not stable and spent / total > 1 - DECAY:
            keep("stable")
            stable = True
    if rank == 0:
        keep("last")
        keep("done")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("--out", type=Path, required=True)
    reader.add_argument("--minutes", type=float, default=90)
    reader.add_argument("--processes", type=int, default=1 if torch.cuda.is_available() else os.cpu_count() or 1)
    reader.add_argument("--tokens", type=int, default=3072, help="in a step of each process")
    reader.add_argument("--rate", type=float, default=4e-3, help="of learning, at most; half of it for one that was trained")
    reader.add_argument("--resume", type=Path, help="a checkpoint to begin with, where there is none in --out")
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--port", type=int, default=29581)
    for name, value in {"width": 256, "layers": 5, "heads": 8, "hidden": 512}.items():
        reader.add_argument(f"--{name}", type=int, default=value)
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.processes > 1:
        torch.multiprocessing.spawn(work, (given,), nprocs=given.processes)
    else:
        work(0, given)


if __name__ == "__main__":
    main()
