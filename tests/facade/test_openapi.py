"""The OpenAPI document: its examples are answered, and what schemathesis makes of it finds no fault."""

import asyncio
import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from prometheus_client import CollectorRegistry
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from promptweave.facade.app import create_routes
from promptweave.facade.openapi.document import OPERATIONS, openapi_document
from promptweave.facade.openapi.responses import ANSWERS
from promptweave.facade.options import FacadeOptions
from tests.support.serving import Serving

DOCUMENT = openapi_document("0")
RANKING = {"/v1/rerank", "/v1/reranking", "/rerank", "/reranking"}
AUDIO = {"/v1/audio/transcriptions", "/v1/audio/translations"}
ALONE = {"/v1/embeddings", *RANKING, *AUDIO}
"""They need models of their own, which are not there."""
BODIES = [operation for operation in OPERATIONS if operation.body]
schema = schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_served_with_a_page_for_people(served: Serving) -> None:
    root = served.url.removesuffix("/v1")
    document = httpx.get(f"{root}/openapi.json").json()
    assert document["paths"].keys() == DOCUMENT["paths"].keys()
    page = httpx.get(f"{root}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "style-src" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert all(operation.path in page.text for operation in OPERATIONS)
    assert "style-src" not in httpx.get(f"{root}/openapi.json").headers["content-security-policy"]


def test_all_routes_are_described_and_no_others() -> None:
    app = create_routes(FacadeOptions(), asyncio.Event(), CollectorRegistry())
    there = {(method, re.sub(r":\w+}", "}", route.path)) for route in app.routes for method in route.methods - {"HEAD"}}  # type: ignore[attr-defined]
    # The files of the page at `/` are parts of it.
    there = {(method, path) for method, path in there if not path.startswith("/explorer/")}
    assert there == {(operation.method.upper(), operation.path) for operation in OPERATIONS}


def test_every_answer_in_json_has_a_schema() -> None:
    told = {f"{operation.method} {operation.path}" for operation in OPERATIONS if operation.media == "application/json"}
    # The document itself; what is always refused; what is text, JSON or subtitles, as it was asked.
    others = {"get /openapi.json", "post /v1/responses/{id}/cancel", *(f"post {path}" for path in AUDIO)}
    assert told - ANSWERS.keys() == others


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.path)
def test_examples(served: Serving, operation: Any) -> None:
    url = served.url.removesuffix("/v1") + operation.path
    if operation.form:
        fields = {name: value for name, value in operation.example.items() if name != "file"}
        answer = httpx.post(url, data=fields, files={"file": ("speech.wav", b"sound")}, timeout=120)
    else:
        answer = httpx.post(url, json=operation.example, timeout=120)
    assert answer.status_code == (501 if operation.path in ALONE else 200), answer.text


LIMITS = {
    "/v1/responses": "max_output_tokens",
    **dict.fromkeys(("/v1/chat/completions", "/v1/completions", "/v1/messages"), "max_tokens"),
}
MOST = 4


def brief(path: str, body: Any) -> Any:
    """What is asked is what matters, not how much is written."""
    if not isinstance(body, dict) or path not in LIMITS:
        return body
    counts = {name: MOST for name in (LIMITS[path], "max_completion_tokens", "n") if is_large(body.get(name))}
    return {LIMITS[path]: MOST, **body, **counts}


def is_large(value: Any) -> bool:
    return isinstance(value, int | float) and value > MOST


@schema.parametrize()
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_is_answered_as_described(case: Any, served: Serving) -> None:
    case.body = brief(case.path, case.body)
    case.call_and_validate(
        base_url=served.url.removesuffix("/v1"),
        checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
        timeout=240,
    )
