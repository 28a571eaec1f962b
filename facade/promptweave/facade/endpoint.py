"""Routes whose body is one JSON object, or a form."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.backend.clients import ServiceClients
from promptweave.facade.backend.lookup import model_of, models_of
from promptweave.facade.backend.models import CHAT, ModelRole, ResolvedModel
from promptweave.facade.bodies.body import Body, read_body
from promptweave.facade.http.request import read_json, unless_gone
from promptweave.facade.options import FacadeOptions

Kind = TypeVar("Kind", bound=Body)


@dataclass(frozen=True)
class ParsedRequest(Generic[Kind]):
    """A parsed request."""

    body: Kind
    request: Request
    options: FacadeOptions

    async def model(self, named: str | None, role: ModelRole = CHAT) -> ResolvedModel:
        """Return the model that the request selects; see `ModelRegistry.find`."""
        return await model_of(self.request, named, role)

    @property
    def any_services(self) -> ServiceClients:
        """Return the services for a request that needs no model."""
        return models_of(self.request).any_services()


Work = Callable[[ParsedRequest[Kind]], Coroutine[Any, Any, Response | dict[str, Any]]]

MapPath = Callable[[str, dict[str, Any]], str]
"""Maps a position in a service's request to the one in the JSON body."""


def same_place(path: str, raw: dict[str, Any]) -> str:
    """Return the path unchanged, for routes whose bodies are like the services' requests."""
    return path


def route(
    kind: type[Kind],
    work: Work[Kind],
    options: FacadeOptions,
    place: MapPath = same_place,
    *,
    read: Callable[[Request, int], Awaitable[Any]] = read_json,
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that reads a body of this kind and sends the result of `work`, unless the client disconnects."""

    async def endpoint(request: Request) -> Response:
        raw = await read(request, options.max_body_bytes)
        body = read_body(kind, raw)
        try:
            answer = await unless_gone(request, work(ParsedRequest(body, request, options)))
        except PromptweaveError as error:
            error.path = None if error.path is None else place(error.path, raw)
            raise
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return endpoint
