"""The mean of two checkpoints: `python demo/average.py --first A.pt --second B.pt --share 0.7 --out C.pt`.

Where a second training added something and lost something else, the mean of the weights may have both.
"""

import argparse
from pathlib import Path

import torch


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--first", type=Path, required=True)
    reader.add_argument("--second", type=Path, required=True)
    reader.add_argument("--share", type=float, default=0.5, help="of the second")
    reader.add_argument("--out", type=Path, required=True)
    given = reader.parse_args()
    first, second = (torch.load(path, weights_only=True) for path in (given.first, given.second))
    weights = {
        name: (1 - given.share) * first["weights"][name] + given.share * value for name, value in second["weights"].items()
    }
    torch.save({**second, "weights": weights, "optimizers": []}, given.out)


if __name__ == "__main__":
    main()
