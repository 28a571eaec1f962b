"""The models that are served: their addresses, their roles, and the names that select them."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self, TypeAlias
from weakref import WeakValueDictionary

from promptweave.errors import Code
from promptweave.facade.backend.clients import ServiceClients
from promptweave.facade.backend.fan_out import fan_out
from promptweave.facade.backend.routes_file import ModelRoute
from promptweave.facade.errors import ModelNotFoundError, RequestError, UnsupportedError
from promptweave.facade.options import FacadeOptions
from promptweave.rpc.reloading_file import ReloadingFile
from promptweave.rpc.security import SecurityError
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2

logger = logging.getLogger(__name__)

ModelRole: TypeAlias = inference_pb2.ModelRole.ValueType
CHAT = inference_pb2.MODEL_ROLE_CHAT

EMBEDDING_ALIASES = ("text-embedding-*",)
RERANK_ALIASES = ("rerank-*", "jina-reranker-*")
TRANSCRIPTION_ALIASES = ("whisper-*", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe*")
"""Names that are built into clients."""

_ROLES: Mapping[str, ModelRole] = {
    "chat": CHAT,
    "embedding": inference_pb2.MODEL_ROLE_EMBEDDING,
    "rerank": inference_pb2.MODEL_ROLE_RERANK,
    "transcription": inference_pb2.MODEL_ROLE_TRANSCRIPTION,
}
"""The roles by their names in the routes file."""

_ROLE_NAMES: Mapping[ModelRole, str] = {role: name for name, role in _ROLES.items()}

_AWAY = (Code.UNIMPLEMENTED, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
"""Codes that an inference service returns if its model is not available."""


@dataclass(frozen=True)
class Model:
    """A model, and the services that run it."""

    services: ServiceClients
    role: ModelRole
    aliases: Sequence[str]
    """Additional names, with shell wildcards."""
    name: str | None = None
    """None: the name that its inference service reports."""
    template: ReloadingFile[str] | None = None
    """None: the model's own."""
    think_first: bool = False
    """Whether it reasons before a call or a formatted answer, unless the request says it."""

    async def info(self) -> inference_pb2.ModelInfo:
        """Return the model's description, with the name that it has here. Raises RemoteError."""
        info = await self.services.model(self.role)
        if self.name is None and self.template is None:
            return info
        here = inference_pb2.ModelInfo()
        here.CopyFrom(info)
        if self.name is not None:
            here.id = self.name
        if self.template is not None:
            here.template.source = self.template.value()
            here.template.named.clear()
        return here

    @property
    def expected(self) -> bool:
        """Return whether this model is known to exist; those besides the chat model are optional unless they are named."""
        return self.name is not None or self.role == CHAT

    async def waiting_for(self) -> list[str]:
        """Return the names of what the model needs and is not ready."""
        missing = await self.services.waiting_for(self.role, absent=not self.expected)
        return missing if self.name is None else [f"{self.name}: {what}" for what in missing]


@dataclass(frozen=True)
class ResolvedModel:
    """The model that a request selects."""

    services: ServiceClients
    """The services that run it."""
    info: inference_pb2.ModelInfo
    think_first: bool = False
    """Whether it reasons before a call or a formatted answer, unless the request says it."""


class ModelRegistry:
    """All models. Use it in a running event loop; `end_at` ends prompts that are running."""

    def __init__(
        self,
        options: FacadeOptions,
        routes: ReloadingFile[tuple[ModelRoute, ...]] | None = None,
        template: ReloadingFile[str] | None = None,
    ) -> None:
        """Create the registry. `routes`: where each model is. None: a single chat model, and the other models of its
        inference service. `template`: that of this single chat model, in place of its own.

        Raises SecurityError.
        """
        self._options, self._routes = options, routes
        self._template = template
        self._stopping = False
        # Services that the routes no longer name are released, with their connections, after the last request that uses
        # them.
        self._services: WeakValueDictionary[tuple[str, str], ServiceClients] = WeakValueDictionary()
        self._read = routes.value() if routes else None
        self._models = self._build()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for services in [*self._services.values()]:
            await services.close()

    async def end_at(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; from then on, prompts that run end with an error that says why."""
        await stop.wait()
        self._stopping = True
        for services in [*self._services.values()]:
            services.stop()

    @property
    def all(self) -> Sequence[Model]:
        """Return the models in the order of the routes."""
        if self._routes is not None and (read := self._routes.value()) is not self._read:
            try:
                self._read, before = read, self._read
                self._models = self._build()
            except SecurityError as error:
                # For example, certificates that are just being renewed.
                self._read = before
                logger.error("cannot connect to the services in the routes file: %s", error)
        return self._models

    async def find(self, asked: str | None, role: ModelRole = CHAT) -> ResolvedModel:
        """Return the model of this role that a name selects. None: the only one.

        Raises ModelNotFoundError, RequestError if a name is required, UnsupportedError if no model has the role, and
        RemoteError if its service does not respond.
        """
        models = [model for model in self.all if model.role == role]
        if not models:
            raise UnsupportedError(f"no {_ROLE_NAMES[role]} model is configured; add one to the routes file")
        if asked is None:
            if len(models) > 1:
                raise RequestError(f"model: field is required; available models: {_listed(models)}", path="/model")
            return ResolvedModel(models[0].services, await models[0].info(), models[0].think_first)
        model = next(_matching(asked, models), models[0])
        if model.name is not None and not _is_called(asked, model.name, model.aliases):
            raise _not_found(asked, models, model.name)
        info = await model.info()  # If the routes do not contain its name, its service reports it.
        if not _is_called(asked, info.id, model.aliases):
            raise _not_found(asked, models, info.id)
        return ResolvedModel(model.services, info, model.think_first)

    async def describe(self, asked: str) -> inference_pb2.ModelInfo:
        """Return a model by any of its names, whatever its role. Raises ModelNotFoundError and RemoteError."""
        for model in _matching(asked, [model for model in self.all if model.name is not None]):
            return await model.info()
        if self._routes is not None:
            raise _not_found(asked, self.all, "")
        listed = await self.listed()
        for model, info in listed:
            if _is_called(asked, info.id, model.aliases):
                return info
        raise _not_found(asked, [model for model, _ in listed], listed[0][1].id)

    def any_services(self) -> ServiceClients:
        """Return services for requests that need no model: a compiler can handle all templates."""
        return self.all[0].services

    async def listed(self) -> list[tuple[Model, inference_pb2.ModelInfo]]:
        """Return the available models. Raises RemoteError if none is available, not counting optional ones."""
        models, infos, away = self.all, [], None
        answers = await fan_out([model.info() for model in models], lambda place: models[place].expected)
        for model, answer in zip(models, answers, strict=True):
            if isinstance(answer, inference_pb2.ModelInfo):
                infos.append((model, answer))
            elif isinstance(answer, RemoteError):
                if answer.code not in _AWAY:
                    raise answer
                away = away or answer
        if away and not any(model.expected for model, _ in infos):
            raise away
        return infos

    async def readiness(self) -> tuple[bool, list[str]]:
        """Return whether any model that is known to exist is ready, and the names of everything that is not."""
        models, waiting, ready = self.all, list[str](), False
        answers = await fan_out([model.waiting_for() for model in models], lambda place: models[place].expected)
        for model, answer in zip(models, answers, strict=True):
            if isinstance(answer, list):
                waiting += answer
                ready = ready or (model.expected and not answer)
            elif model.expected:
                waiting.append(f"{model.name}: not responding")
        return ready, waiting

    def _build(self) -> Sequence[Model]:
        """Build the models from the routes that were read."""
        options = self._options
        built_in = {
            CHAT: options.aliases,
            inference_pb2.MODEL_ROLE_EMBEDDING: EMBEDDING_ALIASES,
            inference_pb2.MODEL_ROLE_RERANK: RERANK_ALIASES,
            inference_pb2.MODEL_ROLE_TRANSCRIPTION: TRANSCRIPTION_ALIASES,
        }
        if self._read is None:
            services = self._services_at(options.compiler, options.inference)
            return [
                Model(
                    services,
                    role,
                    aliases,
                    template=self._template if role == CHAT else None,
                    think_first=options.think_first,
                )
                for role, aliases in built_in.items()
            ]
        roles = [route.role for route in self._read]
        return [
            Model(
                self._services_at(route.compiler or options.compiler, route.inference or options.inference),
                _ROLES[route.role],
                (built_in[_ROLES[route.role]] if roles.count(route.role) == 1 else ())
                if route.aliases is None
                else route.aliases,
                route.name,
                route.template,
                options.think_first if route.think_first is None else route.think_first,
            )
            for route in self._read
        ]

    def _services_at(self, compiler: str, inference: str) -> ServiceClients:
        found = self._services.get((compiler, inference))
        if found is None:
            found = self._services[(compiler, inference)] = ServiceClients(compiler, inference, self._options.security)
            if self._stopping:
                found.stop()
        return found


def _is_called(name: str, id: str, aliases: Sequence[str]) -> bool:
    return name == id or any(fnmatchcase(name, alias) for alias in aliases)


def _matching(name: str, models: Sequence[Model]) -> Iterator[Model]:
    """Yield the models that a name matches, the best match first: names precede patterns."""
    yield from (model for model in models if name == model.name or name in model.aliases)
    yield from (model for model in models if any(fnmatchcase(name, alias) for alias in model.aliases))


def _not_found(asked: str, models: Sequence[Model], loaded: str) -> ModelNotFoundError:
    """Return the error for an unknown name. `loaded`: the id of the first of the models."""
    if models[0].name is None:
        more = f" (also {', '.join(models[0].aliases)})" if models[0].aliases else ""
        return ModelNotFoundError(f"model {asked!r} does not exist; {loaded!r} is loaded{more}", path="/model")
    what = f"{_ROLE_NAMES[models[0].role]} " if len({model.role for model in models}) == 1 else ""
    return ModelNotFoundError(f"{what}model {asked!r} does not exist; available models: {_listed(models)}", path="/model")


def _listed(models: Sequence[Model]) -> str:
    return ", ".join(f"{model.name!r}{_also(model.aliases)}" for model in models)


def _also(aliases: Sequence[str]) -> str:
    return f" (also {', '.join(aliases)})" if aliases else ""
