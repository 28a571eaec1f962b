"""Validates every facade response that a test reads over httpx, with our OpenAPI document and OpenAI's description.

Use `validated_responses` in the conftest.py of tests of the facade. Responses are recorded while they are read, and
validated when the test ends, so that no client handles a failure as its own; OpenAI's SDK for Python uses httpx, too.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.facade.openai_spec import DESCRIPTION, check, check_event
from tests.support.facade.openapi_operations import EVENTS, operation_at

_ANSWERS = {
    ("POST", "/v1/chat/completions"): "CreateChatCompletionResponse",
    ("POST", "/v1/completions"): "CreateCompletionResponse",
    ("POST", "/v1/embeddings"): "CreateEmbeddingResponse",
    ("GET", "/v1/models"): "ListModelsResponse",
    ("GET", "/v1/models/*"): "Model",
    ("POST", "/v1/responses"): "Response",
    ("GET", "/v1/responses/*"): "Response",
}
"""Method and path → the schema of the whole answer."""


@dataclass
class Answer:
    """What was read of an answer. `data` may end anywhere, where a client hung up."""

    request: httpx.Request
    response: httpx.Response
    data: bytearray = field(default_factory=bytearray)
    whole: bool = False

    def check(self) -> None:
        """Raises jsonschema.ValidationError and AssertionError."""
        path, status = self.request.url.path, self.response.status_code
        is_json = self.response.headers.get("content-type") == "application/json" and status != 499
        self._check_by_our_document(path, status, is_json=is_json)
        if not DESCRIPTION.exists() or not path.startswith("/v1/") or path.startswith("/v1/messages") or status == 499:
            return
        media = self.response.headers.get("content-type", "")
        if path.startswith("/v1/audio/") and self.response.is_success and media != "application/json":
            return  # A transcript as text.
        if media.startswith(EVENTS):
            for event in _events(bytes(self.data)):
                _check_event(path, event)
        elif self.whole and self.data and is_json:
            value = json.loads(self.data)
            if status >= 400:
                _check_error(value)
            elif path.endswith("/input_items"):
                for item in value["data"]:
                    check("InputItem", item)
            elif kind := _kind(self.request.method, path):
                check(kind, _as_numbers(value) if kind == "CreateEmbeddingResponse" else value)

    def _check_by_our_document(self, path: str, status: int, *, is_json: bool) -> None:
        operation = operation_at(self.request.method, path)
        if operation is None:
            return
        if str(status) not in operation.described["responses"]:
            status = 400  # All errors of a route have one form.
        if self.response.headers.get("content-type", "").startswith(EVENTS):
            for event in _events(bytes(self.data)):
                operation.check(status, EVENTS, event)
        elif self.whole and self.data and is_json:
            operation.check(status, "application/json", json.loads(self.data))


def _kind(method: str, path: str) -> str | None:
    for (known, pattern), kind in _ANSWERS.items():
        # Names of models have slashes in them, ids of responses have none.
        if known == method and re.fullmatch(pattern.replace("*", ".+" if "models" in pattern else "[^/]+"), path):
            return kind
    return None


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    """The events that came whole."""
    *blocks, _ = data.decode(errors="replace").split("\n\n")
    for block in blocks:
        for line in block.split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line.removeprefix("data: "))


def _check_event(path: str, event: dict[str, Any]) -> None:
    if "error" in event and "type" not in event:
        _check_error(event)
    elif path == "/v1/responses":
        check_event(event)
    elif path == "/v1/chat/completions":
        check("CreateChatCompletionStreamResponse", event)
    elif path == "/v1/completions":
        # There is no schema of their events: of those that are not the last one the reason is null, and so is the usage.
        choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in event["choices"]]
        usage = {} if event.get("usage") is None else {"usage": event["usage"]}
        rest = {name: value for name, value in event.items() if name != "usage"}
        check("CreateCompletionResponse", {**rest, **usage, "choices": choices})


def _check_error(value: dict[str, Any]) -> None:
    assert value.keys() == {"error"}
    assert value["error"].keys() == {"message", "type", "param", "code"}
    check("Error", value["error"])


def _as_numbers(value: dict[str, Any]) -> dict[str, Any]:
    """The description knows no base64."""
    return {**value, "data": [{**item, "embedding": [0.5]} for item in value["data"]]}


class _Teed(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, stream: Any, answer: Answer) -> None:
        self._stream = stream
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._answer.data += piece
            yield piece
        self._answer.whole = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._answer.data += piece
            yield piece
        self._answer.whole = True

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.fixture(scope="session")
def recorded_responses() -> Iterator[list[Answer]]:
    """The answers since they were judged last."""
    noted: list[Answer] = []

    def teed(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        noted.append(Answer(request, response))
        response.stream = _Teed(response.stream, noted[-1])
        return response

    with pytest.MonkeyPatch.context() as patch:
        for kind in (httpx.AsyncHTTPTransport, httpx.ASGITransport):
            patch.setattr(kind, "handle_async_request", _async_noting(kind.handle_async_request, teed))
        handle = httpx.HTTPTransport.handle_request
        patch.setattr(httpx.HTTPTransport, "handle_request", lambda self, request: teed(request, handle(self, request)))
        yield noted


def _async_noting(handle: Any, teed: Any) -> Any:
    async def noting(self: Any, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = teed(request, await handle(self, request))
        return response

    return noting


@pytest.fixture(autouse=True)
def validated_responses(recorded_responses: list[Answer]) -> Iterator[None]:
    """Judges the answers of each test when it has ended."""
    recorded_responses.clear()  # Those of tests of something else, in the same process.
    yield
    answers = recorded_responses.copy()
    recorded_responses.clear()
    for answer in answers:
        answer.check()
