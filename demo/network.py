"""The network: a small transformer of llama.cpp's architecture `qwen2`, so that the engine runs it as it is.

RMSNorm, rotary positions, grouped queries, SwiGLU, tied embeddings, and biases for queries, keys and values. The biases are
what makes training on two cores possible: some heads of the first layer begin as "look N tokens back" (see `look_back`),
and copying, the skill that matters here, is learnt on top of that.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 256
    layers: int = 5
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 640
    context: int = 4096
    rope_base: float = 10_000.0
    norm_eps: float = 1e-6

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class RmsNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        keys = shape.kv_heads * shape.head_width
        self.attention_norm = RmsNorm(shape.width, shape.norm_eps)
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, keys)
        self.value = nn.Linear(shape.width, keys)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        self.mlp_norm = RmsNorm(shape.width, shape.norm_eps)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def attend(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, width = x.shape
        shape = self.shape
        normed = self.attention_norm(x)
        query = self.query(normed).view(batch, length, shape.heads, -1).transpose(1, 2)
        key = self.key(normed).view(batch, length, shape.kv_heads, -1).transpose(1, 2)
        value = self.value(normed).view(batch, length, shape.kv_heads, -1).transpose(1, 2)
        group = shape.heads // shape.kv_heads
        key, value = rotate(key, rope).repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        mixed = F.scaled_dot_product_attention(rotate(query, rope), key, value, is_causal=True)
        return x + self.output(mixed.transpose(1, 2).reshape(batch, length, width))

    def think(self, x: Tensor) -> Tensor:
        normed = self.mlp_norm(x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))


class Network(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.norm_eps)
        self._begin()

    def _begin(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deviation = 0.02 if name.startswith("embedding") else 1 / math.sqrt(parameter.shape[1])
                if name.endswith(("output.weight", "down.weight")):
                    deviation /= math.sqrt(2 * self.shape.layers)
                nn.init.normal_(parameter, std=deviation)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        self.look_back()

    @torch.no_grad()
    def look_back(self) -> None:
        """Half of the first layer's heads begin as "look one (two, three) tokens back": their queries and keys are constant,
        and the queries are turned by the rotary angle of that distance, so the score is highest just there."""
        shape, first = self.shape, self.blocks[0]
        half, group = shape.head_width // 2, shape.heads // shape.kv_heads
        angles = shape.rope_base ** (-torch.arange(half) / half)
        strength = torch.where(angles > 0.05, 1.0, 0.0)
        strength *= math.sqrt(24.0 * math.sqrt(shape.head_width) / strength.sum())
        for kv_head in range(shape.kv_heads // 2):
            at = slice(kv_head * shape.head_width, (kv_head + 1) * shape.head_width)
            first.key.bias[at] = torch.cat([strength, torch.zeros(half)])
            first.key.weight[at] *= 0.1
            for place in range(group):
                head, back = kv_head * group + place, 1 + (kv_head * group + place) % 3
                at = slice(head * shape.head_width, (head + 1) * shape.head_width)
                # At position p the query is turned by p, the key at p - back by p - back.
                turned = torch.cat([strength * torch.cos(angles * back), -strength * torch.sin(angles * back)])
                first.query.bias[at] = turned
                first.query.weight[at] *= 0.1

    def rope(self, length: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        half = self.shape.head_width // 2
        angles = torch.outer(
            torch.arange(length, device=device, dtype=torch.float32),
            self.shape.rope_base ** (-torch.arange(half, device=device, dtype=torch.float32) / half),
        )
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(self, tokens: Tensor, places: Tensor | None = None) -> Tensor:
        """The logits that follow `tokens` ([batch, length]) at `places` (flat positions, [n]); None: everywhere, [batch * length]."""
        x = self.embedding(tokens)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        rope = self.rope(tokens.shape[1], x.dtype, x.device)
        *before, last = self.blocks
        for block in before:
            x = block.think(block.attend(x, rope))
        x = last.attend(x, rope).flatten(0, 1)
        # Only what is learnt from goes through the rest.
        x = last.think(x if places is None else x[places])
        return F.linear(self.norm(x), self.embedding.weight)


def rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions with the halves of a head as pairs (llama.cpp's `NEOX`)."""
    cos, sin = rope
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
