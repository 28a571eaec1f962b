"""Sampling parameters: validates them and converts them to llama.cpp's form."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptweave.inference.errors import RequestError

_ANY = math.inf
_TINY = math.ulp(0.0)

RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, _ANY),
    "top_p": (0, 1),
    "top_k": (0, _ANY),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "seed": (0, 2**32 - 2),  # To the engine, 2**32 - 1 means "no seed".
    "repeat_penalty": (_TINY, _ANY),
    "repeat_last_n": (-1, _ANY),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "dry_multiplier": (0, _ANY),
    "dry_base": (1, _ANY),  # Below it the engine uses its default.
    "dry_allowed_length": (0, _ANY),
    "xtc_probability": (0, 1),
    "xtc_threshold": (0, 1),
    "mirostat": (0, 2),
    "mirostat_tau": (0, _ANY),
    "mirostat_eta": (0, _ANY),
    "dynatemp_range": (0, _ANY),
    "dynatemp_exponent": (0, _ANY),
    "top_n_sigma": (-1, _ANY),
    "dry_penalty_last_n": (-1, _ANY),
    "min_keep": (0, _ANY),
    "adaptive_target": (-1, 1),
    "adaptive_decay": (0, 0.99),
}
"""The range of each parameter, both ends included; an infinite end excludes infinity itself."""

SAMPLERS = frozenset(
    {"penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature", "adaptive_p", "infill"}
)
"""llama.cpp's names. The engine silently ignores a name that it does not know."""

_MAX_BIAS = 100


@dataclass(frozen=True, slots=True)
class LogitBias:
    """A bias that is added to the logit of a token, or of all tokens of a text."""

    target: int | str
    bias: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """The parameters that were given. The engine's defaults apply to the others."""

    values: Mapping[str, float] = field(default_factory=dict)
    """Keyed by the names of `RANGES`."""
    logit_bias: tuple[LogitBias, ...] = ()
    samplers: tuple[str, ...] = ()
    dry_sequence_breakers: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise RequestError for the first parameter that is out of range."""
        for name, value in self.values.items():
            low, high = RANGES[name]
            if not low <= value <= high or not math.isfinite(value):
                raise RequestError(f"{name} is {value:.10g}; it must be {_range(low, high)}", path=f"/sampling/{name}")
        for place, item in enumerate(self.logit_bias):
            path = f"/sampling/logit_bias/{place}"
            if isinstance(item.target, int) and item.target < 0:
                raise RequestError(f"{item.target} is not a token id", path=f"{path}/token")
            if item.target == "":
                raise RequestError("a logit bias requires a token or a text", path=f"{path}/text")
            if not -_MAX_BIAS <= item.bias <= _MAX_BIAS:
                raise RequestError(f"the bias is {item.bias:g}; it must be {-_MAX_BIAS} to {_MAX_BIAS}", path=f"{path}/bias")
        for place, name in enumerate(self.samplers):
            if name not in SAMPLERS:
                known = ", ".join(sorted(SAMPLERS))
                raise RequestError(f"{name!r} is not a sampler; use one of {known}", path=f"/sampling/samplers/{place}")

    def check_tokens(self, vocabulary_size: int | None) -> None:
        """Raise RequestError for a bias of a token that does not exist: the engine silently ignores it."""
        for place, item in enumerate(self.logit_bias):
            if vocabulary_size is not None and isinstance(item.target, int) and item.target >= vocabulary_size:
                raise RequestError(
                    f"{item.target} is not a token id; the vocabulary has {vocabulary_size} tokens (ids from 0)",
                    path=f"/sampling/logit_bias/{place}/token",
                )

    def to_engine(self, context_size: int) -> dict[str, Any]:
        """Return the fields of `/completion`. `context_size` in tokens."""
        fields: dict[str, Any] = dict(self.values)
        for name in ("repeat_last_n", "dry_penalty_last_n"):
            if fields.get(name) == -1:
                fields[name] = context_size  # Builds since b11434 reject -1.
        if self.logit_bias:
            fields["logit_bias"] = [[item.target, item.bias] for item in self.logit_bias]
        if self.samplers:
            fields["samplers"] = list(self.samplers)
        if self.dry_sequence_breakers:
            fields["dry_sequence_breakers"] = list(self.dry_sequence_breakers)
        return fields


def _range(low: float, high: float) -> str:
    if low == _TINY:
        return "above 0"
    return f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:.10g}"
