"""Sampling parameters: what is refused, by its place, and what the engine is sent."""

import math
from typing import Any

import pytest

from promptweave.inference.errors import RequestError
from promptweave.inference.prompt.sampling import RANGES, LogitBias, Sampling
from promptweave.inference.service.generate_request import sampling_from_wire
from promptweave.v1 import inference_pb2

INF, NAN = math.inf, math.nan

GOOD = {
    "temperature": [0, 1, 100],
    "top_p": [0, 1],
    "top_k": [0, 1, 2**31 - 1],
    "min_p": [0, 1],
    "typical_p": [0, 1],
    "seed": [0, 2**32 - 2],
    "repeat_penalty": [0.5, 2],
    "repeat_last_n": [-1, 0, 64],
    "presence_penalty": [-2, 2],
    "frequency_penalty": [-2, 2],
    "dry_multiplier": [0, 1],
    "dry_base": [1, 2],
    "dry_allowed_length": [0, 2],
    "xtc_probability": [0, 1],
    "xtc_threshold": [0, 1],
    "mirostat": [0, 1, 2],
    "mirostat_tau": [0, 5],
    "mirostat_eta": [0, 0.1],
    "dynatemp_range": [0, 1],
    "dynatemp_exponent": [0, 2],
    "top_n_sigma": [-1, 0, 3],
    "dry_penalty_last_n": [-1, 0, 64],
    "min_keep": [0, 5],
    "adaptive_target": [-1, 0.5, 1],
    "adaptive_decay": [0, 0.9],
}

BAD = {
    "temperature": [-0.1, INF, NAN],
    "top_p": [-0.1, 1.1, NAN],
    "top_k": [-1],
    "min_p": [-0.1, 1.1, NAN],
    "typical_p": [-0.1, 1.1, NAN],
    "seed": [2**32 - 1],
    "repeat_penalty": [0, -1, INF, NAN],
    "repeat_last_n": [-2],
    "presence_penalty": [-2.1, 2.1, NAN],
    "frequency_penalty": [-2.1, 2.1, NAN],
    "dry_multiplier": [-1, INF, NAN],
    "dry_base": [0.9, INF, NAN],
    "dry_allowed_length": [-1],
    "xtc_probability": [-0.1, 1.1, NAN],
    "xtc_threshold": [-0.1, 1.1, NAN],
    "mirostat": [-1, 3],
    "mirostat_tau": [-1, INF, NAN],
    "mirostat_eta": [-1, INF, NAN],
    "dynatemp_range": [-1, INF, NAN],
    "dynatemp_exponent": [-1, INF, NAN],
    "top_n_sigma": [-2, INF, NAN],
    "dry_penalty_last_n": [-2],
    "min_keep": [-1],
    "adaptive_target": [-2, 1.1, NAN],
    "adaptive_decay": [-0.1, 1, NAN],
}


def test_the_tables_are_whole() -> None:
    assert RANGES.keys() == GOOD.keys() == BAD.keys()
    assert RANGES.keys() | {"logit_bias", "samplers", "dry_sequence_breakers"} == set(
        inference_pb2.Sampling.DESCRIPTOR.fields_by_name
    )


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_takes(name: str, value: float) -> None:
    given = sampling_from_wire(inference_pb2.Sampling(**{name: value}))  # type: ignore[arg-type]
    given.check()
    assert given.values == {name: pytest.approx(value)}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_refuses(name: str, value: float) -> None:
    given = sampling_from_wire(inference_pb2.Sampling(**{name: value}))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=f"^{name} is ") as raised:
        given.check()
    assert raised.value.path == f"/sampling/{name}"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        pytest.param({"logit_bias": [{"token": -1, "bias": 1}]}, "/sampling/logit_bias/0/token", id="token"),
        pytest.param({"logit_bias": [{"bias": 1}]}, "/sampling/logit_bias/0/text", id="no-target"),
        pytest.param({"logit_bias": [{"token": 1}, {"text": "", "bias": 1}]}, "/sampling/logit_bias/1/text", id="text"),
        pytest.param({"logit_bias": [{"token": 1, "bias": 101}]}, "/sampling/logit_bias/0/bias", id="bias"),
        pytest.param({"logit_bias": [{"token": 1, "bias": NAN}]}, "/sampling/logit_bias/0/bias", id="bias-nan"),
        pytest.param({"samplers": ["top_k", "tfs_z"]}, "/sampling/samplers/1", id="sampler"),
    ],
)
def test_refuses_lists_by_their_items(given: dict[str, Any], path: str) -> None:
    with pytest.raises(RequestError) as raised:
        sampling_from_wire(inference_pb2.Sampling(**given)).check()
    assert raised.value.path == path


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        pytest.param(Sampling(), {}, id="nothing"),
        pytest.param(Sampling({"temperature": 0, "seed": 5}), {"temperature": 0, "seed": 5}, id="values"),
        pytest.param(Sampling({"repeat_last_n": -1}), {"repeat_last_n": 512}, id="the-whole-context"),
        pytest.param(Sampling({"dry_penalty_last_n": -1}), {"dry_penalty_last_n": 512}, id="the-whole-context-for-dry"),
        pytest.param(Sampling(dry_sequence_breakers=("\n",)), {"dry_sequence_breakers": ["\n"]}, id="breakers"),
        pytest.param(
            Sampling(logit_bias=(LogitBias(5, -1), LogitBias("a", 2))), {"logit_bias": [[5, -1], ["a", 2]]}, id="bias"
        ),
        pytest.param(Sampling(samplers=("top_k",)), {"samplers": ["top_k"]}, id="samplers"),
    ],
)
def test_what_the_engine_is_sent(given: Sampling, fields: dict[str, Any]) -> None:
    """Never a null, and nothing that was not given."""
    assert given.to_engine(512) == fields
