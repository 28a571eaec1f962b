"""Objects of the responses of `/v1/models`."""

from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.backend.models import Model
from promptweave.v1 import inference_pb2


class ModelArchitecture(TypedDict):
    """What a model reads and writes, with the field names of llama.cpp and OpenRouter."""

    input_modalities: Annotated[list[str], Field(description="What the model accepts: `text`, `image`")]
    output_modalities: Annotated[list[str], Field(description="What the model generates: `text`")]


class ModelMeta(TypedDict):
    """Sizes of a model, with llama.cpp's names. Clients shorten conversations by them, so they are what requests can use."""

    n_ctx: Annotated[int, Field(ge=0, description="The context of a request, in tokens")]
    n_ctx_train: Annotated[int, Field(ge=0, description="The same: a larger context that the model knows cannot be used")]


class ModelObject(TypedDict):
    """A loaded model."""

    id: Annotated[str, Field(description="A name of the model, for the field `model` of requests")]
    object: Annotated[Literal["model"], Field(description="The kind of object")]
    created: Annotated[int, Field(ge=0, description="When the model was loaded, in seconds of the UNIX epoch")]
    owned_by: Annotated[str, Field(description="Always `promptweave`")]
    max_model_len: NotRequired[
        Annotated[int, Field(ge=1, description="The context of a request, in tokens: prompt and answer. vLLM's name")]
    ]
    meta: NotRequired[Annotated[ModelMeta, Field(description="The same, with llama.cpp's names")]]
    architecture: NotRequired[Annotated[ModelArchitecture, Field(description="Present if the model accepts images")]]


class ModelList(TypedDict):
    """The loaded models."""

    object: Annotated[Literal["list"], Field(description="The kind of object")]
    data: Annotated[list[ModelObject], Field(description="An entry for each name of each model")]


def model_object(name: str, model: inference_pb2.ModelInfo) -> ModelObject:
    """Return OpenAI's model object, with the context size, and whether the model accepts images."""
    described: ModelObject = {
        "id": name,
        "object": "model",
        "created": model.created.seconds,
        "owned_by": "promptweave",
    }
    if model.context_size:
        described["max_model_len"] = model.context_size
        described["meta"] = {"n_ctx": model.context_size, "n_ctx_train": model.context_size}
    if model.images:
        described["architecture"] = {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
    return described


def model_list(models: Sequence[tuple[Model, inference_pb2.ModelInfo]]) -> ModelList:
    """Return the list of models, including aliases that are names and not patterns."""
    listed: dict[str, ModelObject] = {}
    for model, info in models:
        for name in (info.id, *filter(_is_plain, model.aliases)):
            listed.setdefault(name, model_object(name, info))
    return {"object": "list", "data": [*listed.values()]}


def _is_plain(alias: str) -> bool:
    return not set(alias) & set("*?[")
