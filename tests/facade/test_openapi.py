"""The OpenAPI document: its examples are answered, and what schemathesis makes of it finds no fault."""

import asyncio
import json
import re
from collections.abc import Iterator
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

from promptweave.facade.app import ROUTERS, create_routes
from promptweave.facade.explorer.routes import EXPLORER_FILES, explorer_router
from promptweave.facade.options import FacadeOptions
from tests.support.facade.openapi_operations import Operation, document, operations
from tests.support.serving import Serving

RANKING = {"/v1/rerank", "/v1/reranking", "/rerank", "/reranking"}
AUDIO = {"/v1/audio/transcriptions", "/v1/audio/translations"}
ALONE = {"/v1/embeddings", *RANKING, *AUDIO}
"""They need models of their own, which are not there."""
BODIES = [operation for operation in operations() if operation.has_body]
schema = schemathesis.openapi.from_dict(document())


def test_the_document_is_served_with_a_page_for_people(served: Serving) -> None:
    root = served.url.removesuffix("/v1")
    assert httpx.get(f"{root}/openapi.json").json() == json.loads(json.dumps(document()))
    page = httpx.get(f"{root}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "style-src" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert all(operation.path in page.text for operation in operations())
    assert "continue_final_message" in page.text
    assert "Three days in Oslo" in page.text
    assert "style-src" not in httpx.get(f"{root}/openapi.json").headers["content-security-policy"]


def test_all_routes_are_described_and_no_others() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    there = {(method, re.sub(r":\w+}", "}", route.path)) for route in routes for method in route.methods}  # type: ignore[attr-defined]
    assert there == {(operation.method.upper(), operation.path) for operation in operations()}
    # A page and its files, which are not the API.
    assert {route.path for route in explorer_router().routes} == EXPLORER_FILES.keys()  # type: ignore[attr-defined]


def test_the_application_has_the_document_of_its_routes() -> None:
    app = create_routes(FacadeOptions(), asyncio.Event(), CollectorRegistry())
    assert app.openapi() == document()


def undescribed(value: Any, place: str = "") -> Iterator[str]:
    """The places of fields and parameters without a description."""
    if isinstance(value, dict):
        described = value.get("properties", {}) if isinstance(value.get("properties"), dict) else {}
        named = {f"{place}/{name}": field for name, field in described.items()}
        named |= {f"{place}?{one['name']}": one for one in value.get("parameters", ()) if isinstance(one, dict)}
        yield from (name for name, field in named.items() if not field.get("description"))
        for key, item in value.items():
            if key not in ("examples", "example", "default"):
                yield from undescribed(item, f"{place}/{key}")
    elif isinstance(value, list):
        for item in value:
            yield from undescribed(item, place)


def test_every_field_and_parameter_has_a_description() -> None:
    assert [*undescribed(document())] == []
    assert [*undescribed({"properties": {"a": {}}, "parameters": [{"name": "b"}]}, "x")] == ["x/a", "x?b"]


def test_every_operation_and_schema_has_a_description() -> None:
    without = [operation for operation in operations() if not operation.described.get("description")]
    without += [name for name, each in document()["components"]["schemas"].items() if not each.get("description")]
    assert without == []


def test_names_of_schemas_are_those_of_their_types() -> None:
    # Of two types with one name, pydantic writes the modules as well.
    assert [name for name in document()["components"]["schemas"] if "__" in name] == []


def test_every_answer_in_json_has_a_schema() -> None:
    def is_open(operation: Operation) -> bool:
        content = operation.described["responses"]["200"]["content"]
        return "application/json" in content and not content["application/json"]["schema"].keys() - {"title"}

    assert [operation.path for operation in operations() if is_open(operation)] == []


def test_errors_have_the_form_of_their_api() -> None:
    for operation in operations():
        is_anthropic = operation.path.startswith("/v1/messages")
        for status, response in operation.described["responses"].items():
            if status >= "400" and (operation.path, status) != ("/ready", "503"):
                name = "AnthropicErrorResponse" if is_anthropic else "ErrorResponse"
                schema = {"$ref": f"#/components/schemas/{name}"}
                assert response["content"] == {"application/json": {"schema": schema}}, operation.path


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.path)
def test_examples(served: Serving, operation: Operation) -> None:
    conversation = httpx.post(f"{served.url}/conversations", json={}).json()
    url = served.url.removesuffix("/v1") + operation.path.replace("{id}", conversation["id"])
    assert operation.example
    if operation.is_form:
        fields = {name: value for name, value in operation.example.items() if name != "file"}
        answer = httpx.post(url, data=fields, files={"file": ("speech.wav", b"sound")}, timeout=120)
    else:
        answer = httpx.post(url, json=operation.example, timeout=120)
    assert answer.status_code == (501 if operation.path in ALONE else 200), answer.text


LIMITS = {
    **dict.fromkeys(("/v1/responses", "/v1/responses/compact"), "max_output_tokens"),
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
