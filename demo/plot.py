"""Draws the loss of a training: `python demo/plot.py --run RUN... --out docs/demo-model-loss.png`. Several runs go on from each other."""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--run", type=Path, required=True, nargs="+")
    reader.add_argument("--out", type=Path, required=True)
    given = reader.parse_args()
    figure, loss = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    before = 0
    for run in given.run:
        records = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        loss.plot([(before + each["tokens"]) / 1e6 for each in records], [each["loss"] for each in records])
        before += records[-1]["tokens"]
    loss.set(xlabel="million tokens", ylabel="loss of what the model writes", yscale="log")
    loss.grid(alpha=0.3, which="both")
    figure.savefig(given.out, dpi=110)


if __name__ == "__main__":
    main()
