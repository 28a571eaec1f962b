"""The table from errors to HTTP, and the places of errors in OpenAI's request."""

from typing import Any

import pytest

from promptweave.errors import Code, PromptweaveError
from promptweave.facade.errors import to_http, to_param
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai, to_generate_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.rpc.status import RemoteError

TABLE = {
    Code.INVALID_ARGUMENT: (400, "invalid_request_error", "schema_unsupported"),
    Code.FAILED_PRECONDITION: (400, "invalid_request_error", "schema_unsupported"),
    Code.OUT_OF_RANGE: (400, "invalid_request_error", "context_length_exceeded"),
    Code.UNIMPLEMENTED: (400, "invalid_request_error", "unsupported_parameter"),
    Code.NOT_FOUND: (404, "invalid_request_error", "schema_unsupported"),
    Code.RESOURCE_EXHAUSTED: (429, "rate_limit_error", "rate_limit_exceeded"),
    Code.UNAVAILABLE: (503, "server_error", "schema_unsupported"),
    Code.DEADLINE_EXCEEDED: (504, "server_error", "timeout"),
    Code.INTERNAL: (500, "server_error", None),
}


def remote(code: Code, **fields: Any) -> RemoteError:
    return RemoteError(code, "ERROR_REASON_SCHEMA_UNSUPPORTED", "the reason", **{"path": "/tools/0", **fields})


@pytest.mark.parametrize("code", Code)
def test_every_code_has_its_status(code: Code) -> None:
    told = to_http(remote(code), "req_1")
    assert (told.status, told.type, told.code) == TABLE[code]
    assert set(told.body()["error"]) == {"message", "type", "param", "code"}
    assert ("retry-after" in told.headers()) == (told.status in (429, 503))


def test_a_fault_of_ours_tells_no_internals() -> None:
    told = to_http(PromptweaveError("/etc/secret: line 3"), "req_1")
    assert "secret" not in told.message
    assert "req_1" in told.message


def test_what_is_not_served_at_all_is_a_501() -> None:
    assert to_http(remote(Code.UNIMPLEMENTED, path=None), "req_1").status == 501


@pytest.mark.parametrize(("given", "seconds"), [(None, "1"), (0.2, "1"), (2.4, "2"), (30, "30")])
def test_says_when_to_come_again(given: float | None, seconds: str) -> None:
    assert to_http(remote(Code.UNAVAILABLE, retry_after_s=given), "req_1").headers()["retry-after"] == seconds


@pytest.mark.parametrize(
    ("pointer", "param"),
    [
        (None, None),
        ("", None),
        ("/messages", "messages"),
        (
            "/tools/3/function/parameters/properties/id/pattern",
            "tools[3].function.parameters.properties.id.pattern",
        ),
        ("/tools/0/function/parameters/properties/a~1b.c/type", "tools[0].function.parameters.properties['a/b.c'].type"),
        ("/tools/0/function/parameters/properties/it's", 'tools[0].function.parameters.properties["it\'s"]'),
        ("/a/properties/", "a.properties['']"),
    ],
)
def test_places_are_written_as_openai_writes_them(pointer: str | None, param: str | None) -> None:
    assert to_param(pointer) == param


SCHEMA: dict[str, Any] = {"type": "json_schema", "schema": {}}
NESTED: dict[str, Any] = {"type": "json_schema", "json_schema": {"schema": {}}}
IMAGE: dict[str, Any] = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
}
CUSTOM: dict[str, Any] = {
    "type": "custom",
    "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}},
}
ALLOWED: dict[str, Any] = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/tools/1/function/name", {}, "/tools/1/function/name"),
        ("/tools/0/custom/grammar/definition", {"tools": [CUSTOM]}, "/tools/0/custom/format/grammar/definition"),
        ("/messages/0/content/0/image", {"messages": [IMAGE]}, "/messages/0/content/0/image_url/url"),
        ("/messages/0/content/0", {"messages": [IMAGE]}, "/messages/0/content/0"),
        ("/style", {}, "/tool_style"),
        ("/reasoning/effort", {"reasoning_effort": "low"}, "/reasoning_effort"),
        ("/reasoning/budget_tokens", {"thinking_budget_tokens": 5}, "/thinking_budget_tokens"),
        ("/reasoning/budget_tokens", {"reasoning": {"max_tokens": 5}}, "/reasoning/max_tokens"),
        (
            "/response_format/json_schema/schema/type",
            {"response_format": NESTED},
            "/response_format/json_schema/schema/type",
        ),
        ("/response_format/json_schema/schema/type", {"response_format": SCHEMA}, "/response_format/schema/type"),
        ("/response_format/grammar", {"grammar": "x"}, "/grammar"),
        ("/response_format/grammar/definition", {"grammar": "x"}, "/grammar"),
        ("/tool_choice/allowed/names", {"tool_choice": ALLOWED}, "/tool_choice/allowed_tools/tools"),
    ],
)
def test_places_in_compile_requests_are_places_in_openais(path: str, body: dict[str, Any], place: str) -> None:
    _, places = compile_request_from_openai({"messages": [], **body})
    assert places.original(path) == place


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/sampling/top_p", {}, "/top_p"),
        ("/sampling/logit_bias/1/bias", {"logit_bias": {"7": 1, "a/b": 1}}, "/logit_bias/a~1b"),
        ("/max_tokens", {}, "/max_tokens"),
        ("/max_tokens", {"max_completion_tokens": 1}, "/max_completion_tokens"),
        ("/top_logprobs", {"logprobs": True}, "/logprobs"),
        ("/top_logprobs", {"logprobs": True, "top_logprobs": 1}, "/top_logprobs"),
        ("/prompt/segments", {}, "/messages"),
        ("/prompt/gbnf", {"grammar": "x"}, "/grammar"),
        ("/prompt/gbnf_after_reasoning", {"grammar": "x"}, "/grammar"),
        ("/prompt/gbnf", {}, ""),
        ("/stop/0", {}, "/stop/0"),
    ],
)
def test_places_in_generate_requests_are_places_in_openais(path: str, body: dict[str, Any], place: str) -> None:
    _, places = to_generate_request(translate_chat(read_chat_body({"messages": [], **body})))
    assert places.original(path) == place
