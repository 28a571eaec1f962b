"""Every sampling parameter reaches the engine, which echoes its settings."""

from typing import Any

import pytest

from promptweave.common.json_object import JsonObject
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.prompt.sampling import RANGES
from promptweave.inference.service.generate_request import sampling_from_wire
from promptweave.v1 import inference_pb2

pytestmark = pytest.mark.anyio

GIVEN: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.75,
    "top_k": 3,
    "min_p": 0.25,
    "typical_p": 0.5,
    "seed": 11,
    "repeat_penalty": 1.5,
    "repeat_last_n": 7,
    "presence_penalty": 1,
    "frequency_penalty": -1,
    "dry_multiplier": 0.5,
    "dry_base": 2,
    "dry_allowed_length": 5,
    "xtc_probability": 0.25,
    "xtc_threshold": 0.75,
    "mirostat": 2,
    "mirostat_tau": 4,
    "mirostat_eta": 0.25,
    "dynatemp_range": 0.25,
    "dynatemp_exponent": 1.5,
    "top_n_sigma": 2,
    "dry_penalty_last_n": 9,
    "min_keep": 4,
    "adaptive_target": 0.5,
    "adaptive_decay": 0.75,
}


async def settings(engine: Supervisor, **fields: Any) -> JsonObject:
    """What the engine says that it was told, of these fields of Sampling alone."""
    given = sampling_from_wire(inference_pb2.Sampling(**fields))
    given.check()
    body = {"prompt": "x", "n_predict": 1, **given.to_engine(512)}
    answer: JsonObject = await engine.ready().client._call("POST", "/completion", body)
    echoed: JsonObject = answer["generation_settings"]
    return echoed


@pytest.mark.parametrize("name", RANGES)
async def test_number(engine: Supervisor, name: str) -> None:
    usual = await settings(engine)
    told = await settings(engine, **{name: GIVEN[name]})
    assert told[name] == pytest.approx(GIVEN[name])
    # Nothing but this one differs.
    assert {key for key in told if told[key] != usual[key]} - {"timings_per_token"} == {name}


async def test_lists(engine: Supervisor) -> None:
    told = await settings(
        engine,
        samplers=["temperature", "top_k"],
        dry_sequence_breakers=["a", "!"],
        logit_bias=[{"token": 5, "bias": -1}, {"text": "xy", "bias": 2}],
    )
    assert told["samplers"] == ["temperature", "top_k"]
    assert told["dry_sequence_breakers"] == ["a", "!"]
    assert [(item["token"], item["bias"]) for item in told["logit_bias"]] == [(5, -1), (ord("x"), 2), (ord("y"), 2)]


@pytest.mark.parametrize("name", ["repeat_last_n", "dry_penalty_last_n"])
async def test_the_whole_context(engine: Supervisor, name: str) -> None:
    assert (await settings(engine, **{name: -1}))[name] == 512
