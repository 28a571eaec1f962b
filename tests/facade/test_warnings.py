"""What of a schema is not enforced is said in the answer's `warnings` and in a header, by every route that compiles one."""

import json
from typing import Any

import httpx
import pytest

from tests.support.serving import Serving

OPEN: dict[str, Any] = {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2, "uniqueItems": True}
SCHEMA = {"type": "object", "properties": {"days": OPEN}, "required": ["days"], "additionalProperties": False}
ASKED = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "f", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": FUNCTION}]
BRIEF = {"max_tokens": 60, "seed": 3}

ROUTES: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": ("/v1/chat/completions", {"messages": ASKED, "tools": TOOLS, **BRIEF}, "/tools/0/function/parameters"),
    "chat-format": (
        "/v1/chat/completions",
        {"messages": ASKED, "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}, **BRIEF},
        "/response_format/json_schema/schema",
    ),
    "chat-functions": (
        "/v1/chat/completions",
        {"messages": ASKED, "functions": [FUNCTION], **BRIEF},
        "/functions/0/parameters",
    ),
    "responses": (
        "/v1/responses",
        {"input": "hi", "tools": [{"type": "function", **FUNCTION}], "max_output_tokens": 60, "store": False},
        "/tools/0/parameters",
    ),
    "responses-format": (
        "/v1/responses",
        {"input": "hi", "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}, "max_output_tokens": 60},
        "/text/format/schema",
    ),
    "messages": (
        "/v1/messages",
        {"messages": ASKED, "tools": [{"name": "f", "input_schema": SCHEMA}], "max_tokens": 60},
        "/tools/0/input_schema",
    ),
    "count": (
        "/v1/messages/count_tokens",
        {"messages": ASKED, "tools": [{"name": "f", "input_schema": SCHEMA}]},
        "/tools/0/input_schema",
    ),
    "compiled": ("/apply-template", {"messages": ASKED, "tools": TOOLS}, "/tools/0/function/parameters"),
}


def told(event: dict[str, Any]) -> Any:
    """The warnings in an answer, or in the event of a stream that has them."""
    return event.get("warnings") or event.get("response", event.get("message", {})).get("warnings")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", ROUTES)
def test_what_is_not_enforced_is_said(served: Serving, kind: str, stream: bool) -> None:
    path, body, schema = ROUTES[kind]
    if stream and kind in ("count", "compiled"):
        pytest.skip("it has no streams")
    answer = httpx.post(served.url.removesuffix("/v1") + path, json={**body, "stream": stream}, timeout=120)
    assert answer.status_code == 200, answer.text
    if stream:
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        assert told(events[0])
        warnings = told(events[0])
    else:
        warnings = answer.json()["warnings"]
    assert answer.headers["x-promptweave-warnings"] == str(len(warnings))
    assert f"{schema}/properties/days/uniqueItems" in [warning["path"] for warning in warnings]


def test_without_any_there_is_no_header(served: Serving) -> None:
    answer = httpx.post(f"{served.url}/chat/completions", json={"messages": ASKED, "max_tokens": 2}, timeout=120)
    assert "x-promptweave-warnings" not in answer.headers
    assert "warnings" not in answer.json()


HALF = "cut \ud83d here"
"""A text that was cut between the halves of an emoji, as agents do; it is in all their requests from then on."""
CALL = {"type": "tool_use", "id": "c", "name": "f", "input": {HALF: HALF}}
CUT_TOOL = {"name": "f", "description": HALF, "input_schema": {"properties": {"a": {"description": HALF}}}}


@pytest.mark.parametrize(
    ("path", "body", "position"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": HALF}], **BRIEF}, "/messages/0/content"),
        ("/v1/responses", {"input": [{"role": "user", "content": HALF}], "max_output_tokens": 16}, "/input/0/content"),
        ("/v1/messages", {"system": HALF, "messages": ASKED, **BRIEF}, "/system"),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": HALF}]}, "/messages/0/content"),
        ("/apply-template", {"messages": [{"role": "user", "content": HALF}]}, "/messages/0/content"),
        (
            "/v1/messages",
            {"messages": [*ASKED, {"role": "assistant", "content": [CALL]}], **BRIEF},
            "/messages/1/content/0/input/cut \ufffd here",
        ),
        ("/v1/messages", {"messages": ASKED, "tools": [CUT_TOOL], **BRIEF}, "/tools/0/description"),
        (
            "/v1/messages",
            {"messages": ASKED, "tools": [CUT_TOOL], **BRIEF},
            "/tools/0/input_schema/properties/a/description",
        ),
    ],
)
def test_half_of_a_character_in_a_history_is_a_warning(
    served: Serving, path: str, body: dict[str, Any], position: str
) -> None:
    answer = httpx.post(served.url.removesuffix("/v1") + path, content=json.dumps(body).encode(), timeout=60)
    assert answer.status_code == 200, answer.text
    assert ("text_repaired", position) in [(one["code"], one["path"]) for one in answer.json()["warnings"]]
    if path == "/apply-template":
        assert "cut \ufffd here" in answer.json()["prompt"]
