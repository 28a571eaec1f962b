"""Invalid requests to `/v1/responses`: HTTP status, OpenAI's error body, `param`."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.facade.openai_errors import check
from tests.support.facade.responses_events import WEATHER
from tests.support.serving import Serving

UNSUPPORTED = "unsupported_parameter"
USER = {"role": "user", "content": "hi"}


def call(**fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", **fields}


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "name": "f", **fields}


@pytest.fixture(scope="module")
def http(served: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    # The input.
    ({"input": 3}, "input", None),
    ({"input": ["hi"]}, "input[0]", None),
    ({"input": [{"role": 3, "content": "x"}]}, "input[0].role", None),
    ({"input": [USER, {"role": "user", "content": [{"type": "input_text", "text": 3}]}]}, "input[1].content[0].text", None),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}]},
        "input[0].content[0].image_url",
        None,
    ),
    ({"input": [{"type": 3}]}, "input[0].type", None),
    ({"input": [USER, call(), {"type": "function_call_output", "call_id": "c", "output": 3}]}, "input[2].output", None),
    ({"input": [{**USER, "id": 3}]}, "input[0].id", None),
    ({"input": [{"type": "item_reference"}]}, "input[0].id", None),
    ({"input": "word " * 5000}, "input", "context_length_exceeded"),
    ({"input": "x", "instructions": 3}, "instructions", None),
    ({"input": "x", "previous_response_id": "resp_none"}, "previous_response_id", "previous_response_not_found"),
    # Tools.
    ({"input": "x", "tools": [{"name": "f"}]}, "tools[0].type", None),
    ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name", None),
    ({"input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", None),
    ({"input": "x", "tools": [function(), function(description="other")]}, "tools[1].name", None),
    (
        {"input": "x", "tools": [function(), function(name="g", parameters={"properties": {"a": {"type": "x"}}})]},
        "tools[1].parameters.properties.a.type",
        "schema_invalid",
    ),
    (
        {"input": "x", "tools": [function(parameters={"properties": {"a": {"pattern": r"(a)\1"}}}, strict=True)]},
        "tools[0].parameters.properties.a.pattern",
        "schema_unsupported",
    ),
    (
        {"input": "x", "tools": [{"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark"}}]},
        "tools[0].format.definition",
        None,
    ),
    ({"input": "x", "tools": [{"type": "custom", "name": "c", "format": {"type": "xml"}}]}, "tools[0].format.type", None),
    ({"input": "x", "tool_choice": "required"}, "tool_choice", None),
    ({"input": "x", "tool_choice": "maybe"}, "tool_choice", None),
    ({"input": "x", "tools": [WEATHER], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice", None),
    ({"input": "x", "tools": [WEATHER], "tool_choice": {"type": "function"}}, "tool_choice.name", None),
    ({"input": "x", "tools": [WEATHER], "tool_choice": {"type": "file_search"}}, "tool_choice.type", UNSUPPORTED),
    (
        {
            "input": "x",
            "tools": [WEATHER],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]},
        },
        "tool_choice.tools[0].type",
        UNSUPPORTED,
    ),
    # The answer.
    ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type", None),
    ({"input": "x", "text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema", None),
    (
        {"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "x"}}}},
        "text.format.schema.type",
        "schema_invalid",
    ),
    ({"input": "x", "temperature": "hot"}, "temperature", None),
    ({"input": "x", "temperature": -1}, "temperature", None),
    ({"input": "x", "top_p": 2}, "top_p", None),
    ({"input": "x", "top_k": "x"}, "top_k", None),
    ({"input": "x", "max_output_tokens": 0}, "max_output_tokens", None),
    ({"input": "x", "top_logprobs": 21}, "top_logprobs", None),
    ({"input": "x", "metadata": {"a": 1}}, "metadata.a", None),
    ({"input": "x", "truncation": "some"}, "truncation", None),
    ({"input": "x", "store": "yes"}, "store", None),
    # What is chat's.
    ({"messages": [USER]}, "messages", UNSUPPORTED),
    ({"input": "x", "max_tokens": 3}, "max_tokens", UNSUPPORTED),
    ({"input": "x", "response_format": {"type": "text"}}, "response_format", UNSUPPORTED),
    ({"input": "x", "n": 2}, "n", UNSUPPORTED),
    ({"input": "x", "functions": [{"name": "f"}]}, "functions", UNSUPPORTED),
    ({"input": "x", "tool_style": "none"}, "tool_style", UNSUPPORTED),
    # What is not there at all.
    ({"input": "x", "background": True, "store": False}, "background", None),
    ({"input": "x", "conversation": "conv_1", "previous_response_id": "resp_1"}, "conversation", None),
    ({"input": "x", "prompt": {"id": "pmpt_1"}}, "prompt", UNSUPPORTED),
]


@pytest.mark.parametrize(("body", "param", "code"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_bad_request_is_a_400_that_names_the_place(
    http: httpx.Client, body: dict[str, Any], param: str, code: str | None, stream: bool
) -> None:
    check(http.post("/responses", json={"model": "gpt-4o", **body, "stream": stream}), 400, param, code)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"\xff", b'{"input": "x", "x": 1e999}', b'{"input": "x", "x": ' + b"[" * 100_000]
)
def test_a_body_that_is_no_object(http: httpx.Client, data: bytes) -> None:
    check(http.post("/responses", content=data), 400, None, None)


def test_ids_that_are_not_there(http: httpx.Client) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")):
        assert check(http.request(method, f"/responses/resp_none{path}"), 404, None, None).endswith("not found.")
    check(http.post("/responses", json={"model": "other", "input": "x"}), 404, "model", "model_not_found")
    check(http.post("/responses", json={"input": [{"type": "item_reference", "id": "item_none"}]}), 404, "input[0].id", None)
    check(http.post("/responses", json={"input": "x", "conversation": "conv_1"}), 404, "conversation", None)
    check(http.get("/responses/resp_none", params={"stream": "true"}), 404, None, None)


LEFT_OUT: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no-input": ({}, [("input_empty", "/input")]),
    "empty-input": ({"input": []}, [("input_empty", "/input")]),
    "empty-content": ({"input": [USER, {"role": "assistant"}]}, []),
    "file": (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
        [("part_left_out", "/input/0/content/0")],
    ),
    "image-by-id": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "x"}]}]},
        [("part_left_out", "/input/0/content/0")],
    ),
    "hosted-item": ({"input": [USER, {"type": "web_search_call", "id": "x"}]}, [("item_left_out", "/input/1")]),
    "unknown-item": ({"input": [USER, {"type": "dream", "id": "x"}]}, [("item_left_out", "/input/1")]),
    "cut-call": (
        {"input": [USER, call(arguments='{"a'), {"type": "function_call_output", "output": "x"}]},
        [("arguments_invalid", "/input/1/arguments")],
    ),
    "ids-and-status": (
        {"input": [USER, {"type": "function_call", "name": "f", "status": "lost"}, {"type": "function_call_output"}]},
        [],
    ),
    "foreign-reasoning": (
        {"input": [USER, {"type": "reasoning", "encrypted_content": "gAAAA_"}]},
        [("item_left_out", "/input/1/encrypted_content")],
    ),
    "reasoning-without-base64": (
        {"input": [USER, {"type": "reasoning", "encrypted_content": "é"}]},
        [("item_left_out", "/input/1/encrypted_content")],
    ),
    "unknown-item-with-any-id": (
        {"input": [USER, {"type": "dream", "id": 10**30}, {"type": "dream", "id": {}}]},
        [("item_left_out", "/input/1"), ("item_left_out", "/input/2")],
    ),
    "foreign-compaction": (
        {"input": [{"type": "compaction", "encrypted_content": "gAAAA_"}]},
        [("item_left_out", "/input/0"), ("input_empty", "/input")],
    ),
    "hosted-tool": ({"input": "x", "tools": [{"type": "web_search_2025_08_26"}]}, [("tool_left_out", "/tools/0")]),
    "unknown-tool": ({"input": "x", "tools": [{"type": "dream"}]}, [("tool_left_out", "/tools/0")]),
    "hosted-tool-allowed": (
        {
            "input": "x",
            "tools": [function()],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "mcp"}, {"type": "function", "name": "f"}],
            },
        },
        [("tool_left_out", "/tool_choice/tools/0")],
    ),
    "tool-name": ({"input": "x", "tools": [function(name="a b")]}, []),
    "tool-twice": ({"input": "x", "tools": [function(), function()]}, [("tool_duplicate", "/tools/1")]),
    "include": ({"input": "x", "include": ["all"]}, [("not_applied", "/include/0")]),
    "tier": ({"input": "x", "service_tier": "priority"}, []),
    "verbosity": ({"input": "x", "text": {"verbosity": "low"}}, []),
    "unknown-verbosity": ({"input": "x", "text": {"verbosity": "loud"}}, [("not_applied", "/text/verbosity")]),
    "reasoning": (
        {"input": "x", "reasoning": {"context": "all_turns", "mode": "pro"}},
        [("not_applied", "/reasoning/context"), ("not_applied", "/reasoning/mode")],
    ),
    "padding": (
        {"input": "x", "stream_options": {"include_obfuscation": True}},
        [("not_applied", "/stream_options/include_obfuscation")],
    ),
    "unknown-field": ({"input": "x", "tools_choice": "auto"}, [("unknown_field", "/tools_choice")]),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_is_not_served_is_left_out_with_a_warning(http: httpx.Client, kind: str) -> None:
    body, warnings = LEFT_OUT[kind]
    answer = http.post("/responses", json={**body, "max_output_tokens": 2, "store": False})
    assert answer.status_code == 200, answer.text
    response = answer.json()
    assert [(warning["code"], warning["path"]) for warning in response.get("warnings", [])] == warnings
    assert response["service_tier"] == "default"


def test_nulls_mean_nothing(http: httpx.Client) -> None:
    nulls = (
        "instructions previous_response_id tools tool_choice text reasoning temperature top_p metadata store stream include"
        " truncation background conversation prompt max_tool_calls top_logprobs stream_options parallel_tool_calls user"
    )
    body = {
        "input": "x",
        **dict.fromkeys(nulls.split()),
        "max_output_tokens": 2,
        "x_y": None,
        "service_tier": "auto",
        "n": 1,
    }
    answer = http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["output_tokens"] == 2
    assert "warnings" not in answer.json()


def test_all_a_client_may_send(http: httpx.Client) -> None:
    """Fields and items that are served, in their less usual forms."""
    text = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": None}
    body = {
        "model": "demo",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": [text, text]},
            {"role": "system", "content": "s"},
            {"role": "user", "content": []},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "r"}], "status": None},
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": "commentary",
             "content": [{"type": "output_text", "text": "b", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
            call(id="fc_1", status="completed", arguments=""),
            call(call_id="d"),
            {"type": "function_call_output", "call_id": "c", "output": [text]},
            {"type": "function_call_output", "call_id": "d", "output": "", "id": None, "status": None},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": "c"},
        ],
        "tools": [function(description=None, strict=None, parameters=None), WEATHER],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "reasoning": {"effort": "none"}, "metadata": {"a": "b"}, "user": "me",
        "include": ["reasoning.encrypted_content", "web_search_call.action.sources"], "safety_identifier": "s",
        "temperature": 1, "top_p": 0.5, "max_tool_calls": 3, "truncation": "disabled", "max_output_tokens": 2**40,
        "prompt_cache_key": "k", "parallel_tool_calls": False, "store": False, "stream_options": {},
    }  # fmt: skip
    answer = http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    response = answer.json()
    assert [(item["type"], item["name"], item["arguments"]) for item in response["output"]] == [("function_call", "f", "{}")]
    for name in (
        "instructions",
        "metadata",
        "user",
        "temperature",
        "top_p",
        "tool_choice",
        "prompt_cache_key",
        "truncation",
    ):
        assert response[name] == body[name]
    assert response["parallel_tool_calls"] is False
