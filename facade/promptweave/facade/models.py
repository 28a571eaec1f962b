"""Names of the loaded model."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from promptweave.facade.errors import ModelNotFoundError
from promptweave.v1 import inference_pb2


def check_model(asked: str | None, model: inference_pb2.ModelInfo, aliases: Sequence[str]) -> None:
    """Raises ModelNotFoundError for a name that means another model. None means whatever is loaded."""
    if asked is None or asked == model.id or any(fnmatchcase(asked, alias) for alias in aliases):
        return
    more = f", also by the names {', '.join(aliases)}" if aliases else ""
    raise ModelNotFoundError(f"there is no model {asked!r}; {model.id!r} is loaded{more}", path="/model")


def model_object(name: str, model: inference_pb2.ModelInfo) -> dict[str, Any]:
    """OpenAI's model object."""
    return {"id": name, "object": "model", "created": model.created.seconds, "owned_by": "promptweave"}


def model_list(model: inference_pb2.ModelInfo, aliases: Sequence[str]) -> dict[str, Any]:
    """The loaded model, and its further names as far as they are names and no patterns."""
    names = [model.id, *(alias for alias in aliases if not set(alias) & set("*?["))]
    return {"object": "list", "data": [model_object(name, model) for name in dict.fromkeys(names)]}
