"""The format of the final answer: a JSON Schema in a file, or a type in a Python module, as pydantic sees it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import TypeAdapter
from tool_server import loaded


@dataclass(frozen=True)
class AnswerFormat:
    """`strict`: what the server cannot enforce is refused by name before anything is generated."""

    name: str
    schema: dict[str, Any]

    @property
    def response_format(self) -> ResponseFormatJSONSchema:
        return {"type": "json_schema", "json_schema": {"name": self.name, "schema": self.schema, "strict": True}}


def answer_format(given: str) -> AnswerFormat:
    """Return the format for `schema.json` or `module.py:Type`. Raises ValueError, which says what is wrong."""
    path, _, name = given.partition(":")
    if path.endswith(".json"):
        try:
            schema = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} is not a JSON Schema: {error}") from error
        return AnswerFormat(Path(path).stem, schema)
    if not path.endswith(".py") or not name:
        raise ValueError(f"{given} is neither schema.json nor module.py:Type")
    module = loaded(Path(path))
    if not hasattr(module, name):
        raise ValueError(f"{path} has no {name}")
    return AnswerFormat(name, TypeAdapter(getattr(module, name)).json_schema())
