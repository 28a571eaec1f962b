"""The table from errors to HTTP, and the places of errors in OpenAI's request."""

from typing import Any

import pytest

from promptweave.errors import Code, PromptweaveError
from promptweave.facade.errors import to_http, to_param
from promptweave.facade.openai.chat.to_grpc import chat_path
from promptweave.rpc.status import RemoteError

TABLE = {
    Code.INVALID_ARGUMENT: (400, "invalid_request_error", "schema_unsupported"),
    Code.FAILED_PRECONDITION: (400, "invalid_request_error", "schema_unsupported"),
    Code.OUT_OF_RANGE: (400, "invalid_request_error", "context_length_exceeded"),
    Code.UNIMPLEMENTED: (400, "invalid_request_error", "unsupported_parameter"),
    Code.NOT_FOUND: (404, "invalid_request_error", "schema_unsupported"),
    Code.ABORTED: (409, "invalid_request_error", "schema_unsupported"),
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


NESTED: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/tools/1/function/name", {}, "/tools/1/function/name"),
        ("/sampling/top_p", {}, "/top_p"),
        ("/max_tokens", {}, "/max_tokens"),
        ("/max_tokens", {"max_completion_tokens": 1}, "/max_completion_tokens"),
        ("/prompt/segments", {}, "/messages"),
        ("/prompt/gbnf", {"grammar": "x"}, "/grammar"),
        ("/prompt/gbnf", {}, ""),
        ("/style", {}, "/tool_style"),
        ("/reasoning/effort", {}, "/reasoning_effort"),
        ("/response_format/json_schema/schema/type", NESTED, "/response_format/json_schema/schema/type"),
        ("/response_format/json_schema/schema/type", {"response_format": {}}, "/response_format/schema/type"),
        ("/response_format/grammar", {"grammar": "x"}, "/grammar"),
        ("/tool_choice/allowed/names", {}, "/tool_choice/allowed_tools/names"),
    ],
)
def test_places_in_the_services_requests_are_places_in_openais(path: str, body: dict[str, Any], place: str) -> None:
    assert chat_path(path, body) == place
