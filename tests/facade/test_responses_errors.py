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
    ({"input": []}, "input", None),
    ({"input": 3}, "input", None),
    ({"input": ["hi"]}, "input[0]", None),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", None),
    ({"input": [USER, {"role": "user"}]}, "input[1].content", None),
    ({"input": [USER, {"role": "user", "content": [{"type": "input_text", "text": 3}]}]}, "input[1].content[0].text", None),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]", UNSUPPORTED),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "x"}]}]},
        "input[0].content[0]",
        UNSUPPORTED,
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}]},
        "input[0].content[0].image_url",
        None,
    ),
    ({"input": [USER, {"type": "web_search_call", "id": "x"}]}, "input[1].type", UNSUPPORTED),
    ({"input": [{"type": 3}]}, "input[0].type", None),
    ({"input": [USER, call(), call(arguments='{"a')]}, "input[2].arguments", None),
    ({"input": [USER, {"type": "function_call", "name": "f"}]}, "input[1].call_id", None),
    ({"input": [USER, {"type": "function_call_output", "output": "x"}]}, "input[1].call_id", None),
    ({"input": [USER, call(), {"type": "function_call_output", "call_id": "c", "output": 3}]}, "input[2].output", None),
    ({"input": [{"type": "reasoning", "encrypted_content": "gAAAA_"}]}, "input[0].encrypted_content", None),
    ({"input": [{**USER, "id": 3}]}, "input[0].id", None),
    ({"input": [call(status="lost")]}, "input[0].status", None),
    ({"input": [{"type": "item_reference"}]}, "input[0].id", None),
    ({"input": "word " * 5000}, "input", "context_length_exceeded"),
    ({"input": "x", "instructions": 3}, "instructions", None),
    ({"input": "x", "previous_response_id": "resp_none"}, "previous_response_id", "previous_response_not_found"),
    # Tools.
    ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type", UNSUPPORTED),
    ({"input": "x", "tools": [{"name": "f"}]}, "tools[0].type", UNSUPPORTED),
    ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name", None),
    ({"input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", None),
    ({"input": "x", "tools": [function(name="a b")]}, "tools[0].name", None),
    ({"input": "x", "tools": [function(), function()]}, "tools[1].name", None),
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
    ({"input": "x", "include": ["all"]}, "include[0]", UNSUPPORTED),
    ({"input": "x", "metadata": {"a": 1}}, "metadata.a", None),
    ({"input": "x", "truncation": "some"}, "truncation", None),
    ({"input": "x", "store": "yes"}, "store", None),
    ({"input": "x", "service_tier": "priority"}, "service_tier", UNSUPPORTED),
    ({"input": "x", "text": {"verbosity": "low"}}, "text.verbosity", UNSUPPORTED),
    ({"input": "x", "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation", UNSUPPORTED),
    # What is chat's.
    ({"messages": [USER]}, "messages", UNSUPPORTED),
    ({"input": "x", "max_tokens": 3}, "max_tokens", UNSUPPORTED),
    ({"input": "x", "response_format": {"type": "text"}}, "response_format", UNSUPPORTED),
    ({"input": "x", "n": 2}, "n", UNSUPPORTED),
    ({"input": "x", "functions": [{"name": "f"}]}, "functions", UNSUPPORTED),
    ({"input": "x", "tool_style": "none"}, "tool_style", UNSUPPORTED),
    # What is not there at all.
    ({"input": "x", "background": True}, "background", UNSUPPORTED),
    ({"input": "x", "conversation": "conv_1"}, "conversation", UNSUPPORTED),
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
    check(http.post("/responses", json={"input": [{"type": "item_reference", "id": "x"}]}), 404, "input[0].id", None)
    check(http.get("/responses/resp_none", params={"stream": "true"}), 400, "stream", UNSUPPORTED)


def test_nulls_and_unknown_fields_mean_nothing(http: httpx.Client) -> None:
    nulls = (
        "instructions previous_response_id tools tool_choice text reasoning temperature top_p metadata store stream include"
        " truncation background conversation prompt max_tool_calls top_logprobs stream_options parallel_tool_calls user"
    )
    body = {"input": "x", **dict.fromkeys(nulls.split()), "max_output_tokens": 2, "x_y": {}, "service_tier": "auto", "n": 1}
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
