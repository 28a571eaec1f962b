"""Errors that do not depend on the route's own fields, on every route that reads a body."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.support.facade.openapi_operations import operations
from tests.support.serving import Serving

BODIES = [operation.path for operation in operations() if operation.has_body]

WAYS: dict[str, tuple[dict[str, Any], int]] = {
    "no body": ({"method": "POST"}, 400),
    "no JSON": ({"method": "POST", "content": b"{"}, 400),
    "no object": ({"method": "POST", "content": b"[]"}, 400),
    "gzip": ({"method": "POST", "content": gzip.compress(b"{}"), "headers": {"content-encoding": "gzip"}}, 400),
    "a form": ({"method": "POST", "data": {"model": "gpt-4o"}}, 415),
    "GET": ({"method": "GET"}, 405),
    "PUT": ({"method": "PUT", "content": b"{}"}, 405),
}


def check(response: httpx.Response, path: str, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"]
    error = json.loads(response.text)["error"]
    wanted = {"type", "message"} if path.startswith("/v1/messages") else {"type", "message", "param", "code"}
    assert error.keys() == wanted
    assert error["message"]


@pytest.mark.parametrize("path", BODIES)
def test_wrong_ways(served: Serving, path: str) -> None:
    with httpx.Client(base_url=served.url.removesuffix("/v1"), timeout=60) as client:
        for way, (request, status) in WAYS.items():
            if way == "GET" and _is_readable(path):
                status = 404  # Nothing is stored under this id.
            response = client.request(url=path, **request)
            assert response.status_code == status, (way, response.text)
            check(response, path, status)
        check(client.post(f"{path}/", json={}), path, 404)
        head = client.head(path)
        assert (head.status_code, head.text) == (405, "")


def _is_readable(path: str) -> bool:
    """Return whether the path is also that of a stored object, such as `/v1/responses/{id}`."""
    readable = {operation.path for operation in operations() if operation.method.upper() == "GET"}
    return path in readable or (f"{path.rpartition('/')[0]}/{{id}}" in readable and "{" not in path)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/responses/nothing", "/nothing"])
def test_there_is_no_such_route(served: Serving, path: str) -> None:
    response = httpx.post(served.url.removesuffix("/v1") + path, json={}, timeout=60)
    check(response, path, 405 if "responses" in path else 404)
