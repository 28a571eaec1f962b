"""Routes: bodies of any content type, their size, their errors; the form of errors on known and unknown paths."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body as BodyParameter
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from promptweave.errors import PromptweaveError
from promptweave.facade.anthropic.errors import ANTHROPIC_ERRORS
from promptweave.facade.bodies.body import Body
from promptweave.facade.http.error_responses import handle_errors
from promptweave.facade.http.middleware import RequestContextMiddleware
from promptweave.facade.http.multipart import FORM, FormBody
from promptweave.facade.http.router import ApiRouter, RawBody, error_format
from promptweave.facade.options import FacadeOptions

pytestmark = pytest.mark.anyio


class ThingBody(Body):
    """A body."""

    name: str
    """A name."""
    size: int = 3
    """A size."""


class FileBody(FormBody):
    """A form."""

    file: bytes
    """A file."""


plain = ApiRouter()
other = ApiRouter("/other", ANTHROPIC_ERRORS)


@plain.post("/things/{place}")
@other.post("/things/{place}")
async def create_thing(request: Request, place: str, body: ThingBody, raw: RawBody) -> JSONResponse:
    """Return what was read."""
    if body.name == "wrong":
        raise PromptweaveError("no such thing", path="/name")
    return JSONResponse({"place": place, "name": body.name, "size": body.size, "raw": raw, "path": request.url.path})


@plain.post("/files")
async def create_file(body: Annotated[FileBody, BodyParameter(media_type=FORM)]) -> JSONResponse:
    """Return the size of the file."""
    return JSONResponse({"size": len(body.file)})


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of these routes."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.options = FacadeOptions(max_body_bytes=200)
    handle_errors(app)
    for router in (plain, other):
        app.include_router(router)
    wrapped = RequestContextMiddleware(app, partial(error_format, (plain, other)), access_log=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wrapped), base_url="http://facade") as found:
        yield found


CONTENT_TYPES = [None, "application/json", "text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
async def test_json_is_read_whatever_its_content_type_is(content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    async with client() as http:
        response = await http.post("/things/here", content=b'{"name": "x", "size": null, "more": 1}', headers=headers)
    assert response.json() == {
        "place": "here",
        "name": "x",
        "size": 3,
        "raw": {"name": "x", "size": None, "more": 1},
        "path": "/things/here",
    }


async def test_a_form_is_read_where_the_body_is_one() -> None:
    async with client() as http:
        response = await http.post("/files", files={"file": ("a.wav", b"four")})
        assert response.json() == {"size": 4}
        assert (await http.post("/files", json={"file": "four"})).status_code == 400


WRONG: dict[str, tuple[Any, int, str | None]] = {
    "a field of a wrong type": (b'{"name": 3}', 400, "name"),
    "an error of the endpoint": (b'{"name": "wrong"}', 500, None),
    "no body": (b"", 400, None),
    "null": (b"null", 400, None),
    "too large": (b" " * 201, 413, None),
}


@pytest.mark.parametrize("case", WRONG)
async def test_errors_have_the_form_of_the_router(case: str) -> None:
    content, status, param = WRONG[case]
    async with client() as http:
        response = await http.post("/things/here", content=content)
        assert response.status_code == status
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}
        assert response.json()["error"]["param"] == param
        response = await http.post("/other/things/here", content=content)
        assert response.status_code == status
        assert response.json().keys() == {"type", "error", "request_id"}
        assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/nothing", 404), ("GET", "/things/here", 405)])
async def test_errors_on_paths_without_a_route_have_the_form_of_the_prefix(method: str, path: str, status: int) -> None:
    async with client() as http:
        response = await http.request(method, path)
        assert (response.status_code, response.json().keys()) == (status, {"error"})
        response = await http.request(method, f"/other{path}")
        assert (response.status_code, response.json().keys()) == (status, {"type", "error", "request_id"})
