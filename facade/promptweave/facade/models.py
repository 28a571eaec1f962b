"""Names of the loaded models."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from promptweave.errors import Code
from promptweave.facade.errors import ModelNotFoundError
from promptweave.facade.services import Services
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2

EMBEDDING_ALIASES = ("text-embedding-*",)
RERANK_ALIASES = ("rerank-*", "jina-reranker-*")
TRANSCRIPTION_ALIASES = ("whisper-*", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe*")
"""Names that clients have built in."""


@dataclass(frozen=True)
class Loaded:
    """A model and its further names, with shell wildcards."""

    model: inference_pb2.ModelInfo
    aliases: Sequence[str]

    def is_named(self, name: str) -> bool:
        """Whether it is meant."""
        return name == self.model.id or any(fnmatchcase(name, alias) for alias in self.aliases)


async def loaded_models(services: Services, aliases: Sequence[str]) -> list[Loaded]:
    """All of them, the one that writes first. Those beside it are left out while they are not ready."""
    found = [Loaded(await services.model(), aliases)]
    beside = {
        inference_pb2.MODEL_ROLE_EMBEDDING: EMBEDDING_ALIASES,
        inference_pb2.MODEL_ROLE_RERANK: RERANK_ALIASES,
        inference_pb2.MODEL_ROLE_TRANSCRIPTION: TRANSCRIPTION_ALIASES,
    }
    for role, names in beside.items():
        try:
            found.append(Loaded(await services.model(role), names))
        except RemoteError as error:
            if error.code not in (Code.UNIMPLEMENTED, Code.UNAVAILABLE):
                raise
    return found


def check_model(asked: str | None, model: inference_pb2.ModelInfo, aliases: Sequence[str]) -> None:
    """Raises ModelNotFoundError for a name that means another model. None means whatever is loaded."""
    if asked is None or Loaded(model, aliases).is_named(asked):
        return
    more = f", also by the names {', '.join(aliases)}" if aliases else ""
    raise ModelNotFoundError(f"there is no model {asked!r}; {model.id!r} is loaded{more}", path="/model")


def find_model(asked: str, models: Sequence[Loaded]) -> inference_pb2.ModelInfo:
    """The model of this name. Raises ModelNotFoundError."""
    for loaded in models:
        if loaded.is_named(asked):
            return loaded.model
    check_model(asked, models[0].model, models[0].aliases)
    raise AssertionError("its name would have been found")


def model_object(name: str, model: inference_pb2.ModelInfo) -> dict[str, Any]:
    """OpenAI's model object, which also tells where the model takes pictures."""
    # llama.cpp's field, and OpenRouter's.
    seeing = {"architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]}} if model.images else {}
    return {"id": name, "object": "model", "created": model.created.seconds, "owned_by": "promptweave", **seeing}


def model_list(models: Sequence[Loaded]) -> dict[str, Any]:
    """The loaded models, and their further names as far as they are names and no patterns."""
    listed: dict[str, dict[str, Any]] = {}
    for loaded in models:
        for name in (loaded.model.id, *(alias for alias in loaded.aliases if not set(alias) & set("*?["))):
            listed.setdefault(name, model_object(name, loaded.model))
    return {"object": "list", "data": [*listed.values()]}
