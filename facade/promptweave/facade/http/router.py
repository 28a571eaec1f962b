"""Routers whose endpoints are functions; a parameter named `body` receives the parsed request body.

Its type is a `Body`, read as JSON, or a `FormBody`, read as a form. FastAPI
describes it from that type, but does not read it: `bodies/body.py` is more tolerant, and its errors have positions.

    router = ApiRouter()

    @router.post("/v1/things", response_model=Thing, summary="Create a thing")
    async def create_thing(request: Request, body: ThingBody) -> JSONResponse: ...
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from promptweave.facade.bodies.body import Body, read_body
from promptweave.facade.errors import OPENAI_ERRORS, ErrorFormat
from promptweave.facade.http.disconnect import unless_gone
from promptweave.facade.http.json_body import read_json
from promptweave.facade.http.multipart import FormBody, read_form
from promptweave.facade.http.request import options_of

_ERRORS: Mapping[int, str] = {
    400: "The request is invalid or uses an unsupported feature; see `code` and `param`",
    401: "A valid API key is required",
    404: "The model or response does not exist",
    413: "The request body is too large",
    429: "Too many requests; see the header `retry-after`",
    501: "Not available: the required model is not loaded",
    503: "The engine is not ready; see the header `retry-after`",
    504: "The request timed out",
}
"""500 is omitted: it reports a bug or a misconfiguration, never a fault of the request."""


class ApiRoute(APIRoute):
    """A route that reads its body, if it has one, before its endpoint runs; then a client that disconnects cancels it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""
        handle = super().get_route_handler()
        kind = get_type_hints(self.endpoint).get("body")
        if kind is None:
            return handle
        read = read_form if issubclass(kind, FormBody) else read_json

        async def read_and_handle(request: Request) -> Response:
            raw = await read(request, options_of(request).max_body_bytes)
            request.state.raw_body = raw
            return await unless_gone(request, handle(_ParsedRequest(request, read_body(kind, raw))))

        return read_and_handle


class _ParsedRequest(Request):
    """A request whose body was parsed before: FastAPI gets the result, whether it asks for bytes or for JSON."""

    def __init__(self, request: Request, parsed: Body) -> None:
        super().__init__(request.scope, request.receive)
        self._parsed = parsed

    async def body(self) -> Any:
        return self._parsed

    async def json(self) -> Any:
        return self._parsed


class ApiRouter(APIRouter):
    """The routes of one API. All errors below its prefix have its form, on unknown paths as well."""

    def __init__(self, prefix: str = "", errors: ErrorFormat = OPENAI_ERRORS) -> None:
        responses: dict[int | str, dict[str, Any]] = {
            status: {"model": errors.schema, "description": text} for status, text in _ERRORS.items()
        }
        super().__init__(prefix=prefix, route_class=ApiRoute, responses=responses)
        self.errors = errors


def error_format(routers: Sequence[ApiRouter], path: str) -> ErrorFormat:
    """Return the form of errors at a path: that of the router whose prefix it has, or else OpenAI's."""
    return next((each.errors for each in routers if each.prefix and path.startswith(each.prefix)), OPENAI_ERRORS)


STREAM = "2XX"
"""A pseudo status under which a route describes the events of its stream, since `200` is its complete response.
`openapi/document.py` moves them into `200` as `text/event-stream`."""


def streamed(event: Any, end: str | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may send server-sent events.

    `event`: the type of their data, which is JSON. `end`: the data of the last event, if that is something else.
    """
    described: dict[str, Any] = {"model": event, "description": "The events, if the request has `stream`"}
    return {STREAM: described if end is None else {**described, "end": end}}


WARNED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "x-promptweave-warnings": {
                "description": "Number of warnings in the response's field `warnings`",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    }
}
"""The `responses` of a route whose response may have warnings."""


async def _raw_body(request: Request) -> Any:
    return request.state.raw_body


RawBody = Annotated[dict[str, Any], Depends(_raw_body)]
"""A parameter: the body as it was received, before defaults were added and nulls dropped."""
