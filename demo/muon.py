"""The optimizer Muon: a matrix is changed by its momentum made orthogonal (https://kellerjordan.github.io/posts/muon/).

PyTorch has one, too, which computes in bfloat16: on a CPU without instructions for that, it takes longer than all the rest.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def orthogonal(matrix: Tensor, steps: int = 4) -> Tensor:
    """About the nearest matrix with orthogonal rows or columns, by the iteration of Newton and Schulz."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Of matrices. The rate is that of AdamW: an update has the same mean square as one of that."""

    def __init__(self, matrices: Iterable[Tensor], *, lr: float, weight_decay: float = 0.01, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Each process makes its share of the updates; all of them apply all."""
        rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        for group in self.param_groups:
            matrices = [each for each in group["params"] if each.grad is not None]
            updates = [torch.zeros_like(each) for each in matrices]
            for place, each in enumerate(matrices):
                kept = self.state[each].setdefault("momentum", torch.zeros_like(each))
                kept.lerp_(each.grad, 1 - group["momentum"])
                if place % world == rank:
                    updates[place] = orthogonal(each.grad.lerp(kept, group["momentum"]))
            if world > 1:
                flat = torch.cat([each.flatten() for each in updates])
                dist.all_reduce(flat)
                parts = flat.split([each.numel() for each in updates])
                updates = [part.view_as(each) for part, each in zip(parts, matrices, strict=True)]
            for each, update in zip(matrices, updates, strict=True):
                each.mul_(1 - group["lr"] * group["weight_decay"])
                each.add_(update, alpha=-group["lr"] * 0.2 * max(each.shape) ** 0.5)
