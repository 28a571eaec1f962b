"""OpenAI's sampling parameters, of chat requests and completions, converted to the contract's."""

import json
from typing import Any, Protocol

from promptweave.common.json_pointer import pointer_token
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.v1 import inference_pb2

_SAMPLING = {
    field.name: field for field in inference_pb2.Sampling.DESCRIPTOR.fields if field.name != "seed" and not field.is_repeated
}
"""The sampling parameters of the contract that are plain numbers; their names are llama.cpp's and OpenAI's."""

SAMPLING_FIELDS = frozenset({*_SAMPLING, "samplers", "dry_sequence_breakers"})
"""The names of the fields that are read here and that the bodies do not declare."""

_RANDOM_SEED = 2**32 - 1
"""To the engine, this seed means a random one."""


class SamplingParameters(Protocol):
    """The fields of a request's body that control sampling."""

    @property
    def seed(self) -> int | None: ...
    @property
    def logit_bias(self) -> dict[str, float]: ...
    @property
    def model_extra(self) -> dict[str, Any] | None: ...


def sampling_of(body: SamplingParameters, places: SourceMap) -> inference_pb2.Sampling:
    """Return the sampling parameters; `places` records their origins. Raises RequestError."""
    places.add("/sampling", Origin(""))
    sampling = inference_pb2.Sampling()
    extra = body.model_extra or {}
    for name, field in _SAMPLING.items():
        value = extra.get(name)
        if value is None:
            continue
        whole = field.cpp_type not in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise RequestError(
                f"{name}: must be {'an integer' if whole else 'a number'}, not {json.dumps(value)}", path=f"/{name}"
            )
        try:
            setattr(sampling, name, value)
        except (ValueError, OverflowError):
            raise RequestError(f"{name}: {value} is out of range", path=f"/{name}") from None
    if body.seed is not None:
        sampling.seed = body.seed % _RANDOM_SEED
    for number, (token, bias) in enumerate(body.logit_bias.items()):
        places.add(f"/sampling/logit_bias/{number}", Origin(f"/logit_bias{pointer_token(token)}", whole=True))
        item = sampling.logit_bias.add(bias=bias)
        if token.lstrip("-").isdecimal() and abs(int(token)) < 2**31:
            item.token = int(token)
        else:
            item.text = token
    sampling.samplers.extend(_texts(extra, "samplers"))
    sampling.dry_sequence_breakers.extend(_texts(extra, "dry_sequence_breakers"))
    return sampling


def _texts(extra: dict[str, Any], name: str) -> list[str]:
    value = extra.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RequestError(f"{name}: must be a list of strings", path=f"/{name}")
    return value
