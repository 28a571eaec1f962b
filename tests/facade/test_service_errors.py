"""Every error of the services, in every call that a route makes: status, body, headers, and no internals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from promptweave.compiler.errors import SchemaError, TemplateError, TemplateLimitError
from promptweave.errors import Code
from promptweave.inference.errors import (
    ContextOverflowError,
    EngineFailedError,
    EngineUnavailableError,
    GrammarQuarantinedError,
    OverloadedError,
    SessionNotFoundError,
    SessionUnusableError,
    UnsupportedError,
)
from promptweave.rpc.status import RemoteError
from tests.support.facade.failing_services import SECRET, Failure, failing_services
from tests.support.facade.openapi_operations import operations

pytestmark = pytest.mark.anyio

TURN = ("GetModel", "Compile", "Generate")
CALLS: Mapping[str, tuple[str, ...]] = {
    "/v1/chat/completions": TURN,
    "/v1/responses": TURN,
    "/v1/responses/compact": TURN,
    "/v1/responses/input_tokens": ("GetModel", "Compile", "Tokenize"),
    "/v1/messages": TURN,
    "/v1/messages/count_tokens": ("GetModel", "Compile", "Tokenize"),
    "/v1/completions": ("GetModel", "Generate"),
    "/v1/embeddings": ("GetModel", "Embed"),
    **dict.fromkeys(("/v1/rerank", "/v1/reranking", "/rerank", "/reranking"), ("GetModel", "Rerank")),
    "/tokenize": ("Tokenize",),
    "/detokenize": ("Detokenize",),
    "/apply-template": ("GetModel", "Compile"),
    "/describe-template": ("DescribeTemplate",),
    "/parse": ("Parse",),
    "/v1/models": ("GetModel",),
}
"""Route → the calls that it makes of the services."""
WITHOUT_CALLS = {"/v1/conversations", "/v1/conversations/{id}", "/v1/conversations/{id}/items"}

EXAMPLES = {operation.path: operation for operation in operations() if operation.path in CALLS}
STREAMS = [path for path, operation in EXAMPLES.items() if operation.streams]


def test_all_routes_are_in_the_table() -> None:
    # Forms that send a file are tested where their routes are.
    routes = {operation.path for operation in operations() if operation.has_body and not operation.is_form}
    assert CALLS.keys() | WITHOUT_CALLS >= routes


@dataclass(frozen=True)
class Told:
    """What a client is told."""

    status: int
    code: str | None
    type: str = "invalid_request_error"
    param: str | None = None
    anthropic: str = "invalid_request_error"


ENGINE_AWAY = Told(503, "engine_unavailable", "server_error", None, "overloaded_error")
SERVICE_AWAY = Told(503, "service_unavailable", "server_error", None, "overloaded_error")
FAULT = Told(500, None, "server_error", None, "api_error")

# The way of being wrong → what the client is told, whichever route asked.
TABLE: dict[str, tuple[Failure, Told]] = {
    "template": (TemplateError("the template raised", path=""), Told(400, "template_failed")),
    "template-limits": (TemplateLimitError("it takes too long"), Told(400, "template_failed")),
    "schema": (SchemaError("invalid", "", "no type"), Told(400, "schema_invalid")),
    "grammar": (RemoteError(Code.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", "no"), Told(400, None)),
    "precondition": (SessionUnusableError("it is damaged"), Told(400, "session_unusable")),
    "overflow": (
        RemoteError(Code.OUT_OF_RANGE, "ERROR_REASON_CONTEXT_OVERFLOW", "too long"),
        Told(400, "context_length_exceeded"),
    ),
    "a-field": (UnsupportedError("not here", path="/x"), Told(400, "unsupported_parameter", param="x")),
    "a-call": (UnsupportedError("not here"), Told(501, "unsupported", anthropic="api_error")),
    "not-found": (SessionNotFoundError("none"), Told(404, "session_not_found", anthropic="not_found_error")),
    "conflict": (grpc.StatusCode.ABORTED, FAULT),
    "queue-full": (
        OverloadedError("come again", retry_after_s=2.0),
        Told(429, "rate_limit_exceeded", "rate_limit_error", None, "rate_limit_error"),
    ),
    "engine-loading": (EngineUnavailableError("it loads", retry_after_s=5.0), ENGINE_AWAY),
    "engine-dead": (EngineFailedError(SECRET), FAULT),
    "service-away": (grpc.StatusCode.UNAVAILABLE, SERVICE_AWAY),
    "deadline": (grpc.StatusCode.DEADLINE_EXCEEDED, Told(504, "timeout", "server_error", None, "timeout_error")),
    "key-of-the-facade": (grpc.StatusCode.UNAUTHENTICATED, FAULT),
    "right-of-the-facade": (grpc.StatusCode.PERMISSION_DENIED, FAULT),
    # What the library makes of a connection that breaks off.
    "cancelled": (grpc.StatusCode.CANCELLED, SERVICE_AWAY),
    "unknown": (grpc.StatusCode.UNKNOWN, SERVICE_AWAY),
    "internal": (grpc.StatusCode.INTERNAL, SERVICE_AWAY),
    "data-loss": (grpc.StatusCode.DATA_LOSS, FAULT),
    "raised": (ValueError(SECRET), FAULT),
}


def check(error: Mapping[str, Any], path: str, told: Told, where: object) -> None:
    """The error object of an answer or an event."""
    if path.startswith("/v1/messages"):
        assert error.keys() == {"type", "error", "request_id"}, where
        assert (error["type"], error["error"]["type"]) == ("error", told.anthropic), where
        message = error["error"]["message"]
    else:
        assert error.keys() == {"error"}, where
        assert error["error"] == {
            "type": told.type,
            "code": told.code,
            "param": told.param,
            "message": error["error"]["message"],
        }, where
        message = error["error"]["message"]
    assert message
    assert SECRET not in message, where
    assert "Traceback" not in message, where


def check_answer(answer: httpx.Response, path: str, told: Told, where: object) -> None:
    assert answer.status_code == told.status, (where, answer.text)
    assert answer.headers["content-type"] == "application/json", where
    assert answer.headers["x-request-id"].startswith("req_"), where
    # Clients come again where they may, and then only.
    assert ("retry-after" in answer.headers) == (told.status in (429, 503)), where
    check(answer.json(), path, told, where)


async def ask(client: httpx.AsyncClient, path: str, **more: Any) -> httpx.Response:
    operation = EXAMPLES[path]
    return await client.request(operation.method, path, json=operation.example and {**operation.example, **more})


async def test_without_a_failure_all_is_well() -> None:
    async with failing_services() as (_, client):
        for path in CALLS:
            answer = await ask(client, path)
            assert answer.status_code == 200, (path, answer.text)


@pytest.mark.parametrize("kind", TABLE)
async def test_every_route_and_every_call(kind: str) -> None:
    failure, told = TABLE[kind]
    others = {method for methods in CALLS.values() for method in methods} - {"GetModel"}
    async with failing_services() as (failing, client):
        failing.failure = failure
        # What it answers is kept for a moment, so it fails first.
        for failing.method in ("GetModel", *sorted(others)):
            for path in (path for path, methods in CALLS.items() if failing.method in methods):
                check_answer(await ask(client, path), path, told, (kind, failing.method, path))
                if path in STREAMS:
                    # Before the first event it is a plain error, too.
                    answer = await ask(client, path, stream=True)
                    check_answer(answer, path, told, (kind, failing.method, path, "stream"))


@pytest.mark.parametrize("kind", TABLE)
async def test_in_the_middle_of_a_stream_it_is_the_last_event(kind: str) -> None:
    failure, told = TABLE[kind]
    async with failing_services() as (failing, client):
        failing.method, failing.failure, failing.late = "Generate", failure, True
        for path in STREAMS:
            answer = await ask(client, path, stream=True)
            assert answer.status_code == 200, path
            *_, last = [line for line in answer.text.splitlines() if line.startswith("data: ")]
            assert SECRET not in answer.text, path
            event = json.loads(last.removeprefix("data: "))
            if path != "/v1/responses":
                check(event, path, told, (kind, path))
                continue
            assert event["type"] == "response.failed"
            codes = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
            assert event["response"]["error"]["code"] == codes.get(told.status, "server_error")
        # The client that is not streaming is told as if nothing had been written.
        for path in STREAMS:
            check_answer(await ask(client, path), path, told, (kind, path, "whole"))


# -- places: where in the client's own request --

PLACES: dict[str, tuple[str, Failure, dict[str, str]]] = {
    "overflow": (
        "Generate",
        ContextOverflowError(9, 5),
        {
            "/v1/chat/completions": "messages",
            "/v1/completions": "prompt",
            "/v1/responses": "input",
            "/v1/messages": "messages",
        },
    ),
    "grammar": (
        "Generate",
        GrammarQuarantinedError("h"),
        # None of them asked with a grammar of its own: it is the request as a whole.
        dict.fromkeys(("/v1/chat/completions", "/v1/responses", "/v1/messages"), ""),
    ),
    "schema-of-a-tool": (
        "Compile",
        SchemaError("unsupported", "/properties/city/pattern", "no").below("/tools/0/function/parameters"),
        {
            "/v1/chat/completions": "tools[0].function.parameters.properties.city.pattern",
            "/apply-template": "tools[0].function.parameters.properties.city.pattern",
            "/v1/messages": "tools[0].input_schema.properties.city.pattern",
            "/v1/messages/count_tokens": "tools[0].input_schema.properties.city.pattern",
        },
    ),
    "schema-of-the-answer": (
        "Compile",
        SchemaError("unsupported", "/properties/city/pattern", "no").below("/response_format/json_schema/schema"),
        {"/v1/responses": "text.format.schema.properties.city.pattern"},
    ),
    "a-token": ("Tokenize", RemoteError(Code.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", "no"), {"/tokenize": ""}),
}


@pytest.mark.parametrize("kind", PLACES)
async def test_the_place_is_one_in_the_clients_request(kind: str) -> None:
    method, failure, places = PLACES[kind]
    async with failing_services() as (failing, client):
        failing.method, failing.failure = method, failure
        for path, place in places.items():
            error = (await ask(client, path)).json()["error"]
            if path.startswith("/v1/messages"):
                # Anthropic's errors have no field for it.
                if kind != "overflow":  # Its text is Anthropic's own, which clients match.
                    assert error["message"].startswith(f"{place}: " if place else failure.message), path  # type: ignore[union-attr]
            else:
                assert error["param"] == (place or None), path


# -- what never gets to the services --


async def test_keys_and_sizes_on_every_route() -> None:
    async with failing_services(api_keys=("sesame",), max_body_bytes=100) as (_, client):
        for path, operation in EXAMPLES.items():
            for headers in ({}, {"authorization": "Bearer wrong"}):
                refused = await client.request(operation.method, path, json={}, headers=headers)
                check_answer(refused, path, Told(401, "invalid_api_key", anthropic="authentication_error"), path)
            if operation.has_body:
                large = await client.post(path, content=b" " * 101, headers={"authorization": "Bearer sesame"})
                check_answer(large, path, Told(413, "request_too_large", anthropic="request_too_large"), path)


async def test_limits_of_requests_on_every_route() -> None:
    async with failing_services(requests_per_minute=1, api_keys=tuple(EXAMPLES)) as (_, client):
        for path, operation in EXAMPLES.items():
            key = {"authorization": f"Bearer {path}"}
            assert (await client.request(operation.method, path, json={}, headers=key)).status_code in (200, 400)
            limited = await client.request(operation.method, path, json={}, headers=key)
            told = Told(429, "rate_limit_exceeded", "rate_limit_error", None, "rate_limit_error")
            check_answer(limited, path, told, path)


async def test_names_of_no_model_on_every_route() -> None:
    async with failing_services() as (_, client):
        for path, operation in EXAMPLES.items():
            if "model" in (operation.example or {}):
                answer = await ask(client, path, model="llama-9")
                check_answer(answer, path, Told(404, "model_not_found", param="model", anthropic="not_found_error"), path)
