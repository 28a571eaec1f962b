"""The OpenAPI document: its examples are answered, and what schemathesis makes of it finds no fault."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from promptweave.facade.openapi import OPERATIONS, openapi_document

from ..serving import Serving

DOCUMENT = openapi_document("0")
ALONE = {"/v1/embeddings", "/v1/rerank", "/v1/audio/transcriptions", "/v1/audio/translations"}
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


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.path)
def test_examples(served: Serving, operation: Any) -> None:
    url = served.url.removesuffix("/v1") + operation.path
    if operation.form:
        fields = {name: value for name, value in operation.example.items() if name != "file"}
        answer = httpx.post(url, data=fields, files={"file": ("speech.wav", b"sound")}, timeout=120)
    else:
        answer = httpx.post(url, json=operation.example, timeout=120)
    assert answer.status_code == (501 if operation.path in ALONE else 200), answer.text


def brief(body: Any) -> Any:
    """What is asked is what matters, not how much is written. Of a form there is nothing to write."""
    if not isinstance(body, dict) or "file" in body:
        return body
    counts = {name: 2 for name in ("max_tokens", "max_completion_tokens", "n") if is_large(body.get(name))}
    limits = {"max_tokens": 2, "max_output_tokens": 16}
    return {**limits, **body, **counts}


def is_large(value: Any) -> bool:
    return isinstance(value, int | float) and value > 2


@schema.parametrize()
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_is_answered_as_described(case: Any, served: Serving) -> None:
    case.body = brief(case.body)
    case.call_and_validate(
        base_url=served.url.removesuffix("/v1"),
        checks=[status_code_conformance, response_schema_conformance],
        timeout=60,
    )
