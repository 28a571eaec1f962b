"""Request bodies, as OpenAI's clients send them.

Null means absent, and unknown fields are tolerated. A field of a wrong type is a RequestError with its position.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from promptweave.common.json_pointer import pointer_token
from promptweave.facade.errors import RequestError, to_param


class Body(BaseModel):
    """A JSON object in a request."""

    # Strict: "0.5" is not a number. Fields that the model does not declare stay in `model_extra`.
    model_config = ConfigDict(strict=True, extra="allow", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def example(value: Mapping[str, Any]) -> ConfigDict:
    """Return the `model_config` of a body with an example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [dict(value)]})


Kind = TypeVar("Kind", bound=Body)


def read_body(kind: type[Kind], value: Any, path: str = "") -> Kind:
    """Parse the object at `path`, a JSON pointer, in a request. Raises RequestError, whose path is the position."""
    if not isinstance(value, dict):
        raise RequestError(f"{to_param(path) or 'request body'}: must be a JSON object", path=path)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        # If alternatives fail, each reports a reason; the one that got furthest was meant.
        reasons = [
            (_place(item["loc"], value, is_missing=item["type"] == "missing"), item["msg"])
            for item in error.errors(include_url=False)
        ]
        place, message = max(reasons, key=lambda reason: reason[0].count("/"))
        place, message = path + place, message[:1].lower() + message[1:]
        raise RequestError(f"{to_param(place) or 'request body'}: {message}", path=place) from None


def _place(steps: Sequence[int | str], body: Any, *, is_missing: bool) -> str:
    """Return the JSON pointer of a validation error, without pydantic's own steps, such as the names of alternatives.

    `is_missing`: the last step is a key that does not exist.
    """
    path, value = "", body
    for number, step in enumerate(steps):
        last = is_missing and number == len(steps) - 1
        there = (isinstance(value, Mapping) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if there or (last and isinstance(value, Mapping)):
            path += pointer_token(step)
            value = value[step] if there else None
    return path
