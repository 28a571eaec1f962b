"""Invalid requests to a real server: HTTP status and OpenAI's error body."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.http import sse
from tests.support.facade.openai_errors import check
from tests.support.facade.weather_request import REQUEST
from tests.support.serving import Serving, running

USER = [{"role": "user", "content": "hi"}]


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **function}}


@pytest.fixture(scope="module")
def http(served: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url.removesuffix("/v1"), timeout=60) as client:
        yield client


REFUSED = [
    pytest.param({}, "messages", None, id="no-messages"),
    pytest.param({"messages": []}, "messages", "request_invalid", id="empty-messages"),
    pytest.param({"messages": "hi"}, "messages", None, id="messages-no-list"),
    pytest.param({"messages": [{"role": 3, "content": "x"}]}, "messages[0].role", None, id="role-a-number"),
    pytest.param({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", None, id="content-a-number"),
    pytest.param(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]},
        "messages[0].content[0].text",
        None,
        id="part-a-number",
    ),
    pytest.param(
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]},
        "messages[0].content[0].image_url.url",
        None,
        id="image-to-fetch",
    ),
    pytest.param(
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
            ]
        },
        "messages[0].content[0]",
        "unsupported_parameter",
        id="image",
    ),
    pytest.param({"messages": USER, "temperature": "hot"}, "temperature", None, id="temperature-a-string"),
    pytest.param({"messages": USER, "temperature": -1}, "temperature", None, id="temperature-below-zero"),
    pytest.param({"messages": USER, "top_p": 2}, "top_p", None, id="top-p-above-one"),
    pytest.param({"messages": USER, "top_k": 0.5}, "top_k", None, id="top-k-a-fraction"),
    pytest.param({"messages": USER, "max_tokens": 0}, "max_tokens", None, id="no-tokens"),
    pytest.param({"messages": USER, "stop": ""}, "stop[0]", None, id="empty-stop"),
    pytest.param({"messages": USER, "n": 129}, "n", None, id="too-many-choices"),
    pytest.param({"messages": USER, "top_logprobs": 1}, "top_logprobs", None, id="top-logprobs-alone"),
    pytest.param({"messages": USER, "logprobs": True, "top_logprobs": 21}, "top_logprobs", None, id="top-logprobs"),
    pytest.param({"messages": USER, "logit_bias": {"a/b": 101}}, "logit_bias.a/b", None, id="bias"),
    pytest.param({"messages": USER, "logit_bias": {"5": 1, "99999": 1}}, "logit_bias[99999]", None, id="bias-of-nothing"),
    pytest.param(
        {"messages": USER, "functions": [{"name": "f"}], "tools": [tool()]}, "tools", None, id="functions-and-tools"
    ),
    pytest.param(
        {"messages": USER, "modalities": ["text", "audio"]}, "modalities", "unsupported_parameter", id="modalities"
    ),
    pytest.param({"messages": USER, "modalities": 3}, "modalities", "unsupported_parameter", id="modalities-a-number"),
    pytest.param({"messages": USER, "session_id": ""}, "session_id", None, id="empty-session"),
    pytest.param({"messages": USER, "parent_session_id": "s"}, "parent_session_id", None, id="parent-without-session"),
    pytest.param({"messages": USER, "grammar": 'root ::= "x'}, "grammar", None, id="grammar"),
    pytest.param(
        {"messages": USER, "response_format": {"type": "regex", "pattern": "(a"}},
        "response_format.pattern",
        None,
        id="regex",
    ),
    pytest.param(
        {"messages": USER, "response_format": {"type": "grammar", "grammar": "root ::= <a>"}},
        "response_format.grammar",
        "unsupported_parameter",
        id="grammar-of-tokens",
    ),
    pytest.param(
        {"messages": USER, "response_format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}},
        "response_format.grammar.definition",
        None,
        id="lark",
    ),
    pytest.param(
        {"messages": USER, "response_format": {"type": "grammar"}}, "response_format.grammar", None, id="no-grammar"
    ),
    pytest.param({"messages": USER, "tool_style": "x"}, "tool_style", "unsupported_parameter", id="unknown-style"),
    pytest.param(
        {"messages": USER, "tools": [tool(), tool(description="another")]},
        "tools[1].function.name",
        None,
        id="tool-twice",
    ),
    pytest.param({"messages": USER, "tools": [{"type": "function"}]}, "tools[0].function", None, id="no-function"),
    pytest.param(
        {
            "messages": USER,
            "tools": [
                {
                    "type": "custom",
                    "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "a"}}},
                }
            ],
        },
        "tools[0].custom.format.grammar.definition",
        None,
        id="grammar-of-a-custom-tool",
    ),
    pytest.param(
        {
            "messages": USER,
            "tools": [tool(), tool(name="g", parameters={"type": "object", "properties": {"a b": {"type": "x"}}})],
        },
        "tools[1].function.parameters.properties['a b'].type",
        "schema_invalid",
        id="schema-invalid",
    ),
    pytest.param(
        {
            "messages": USER,
            "tools": [tool(parameters={"type": "object", "properties": {"a": {"enum": []}}, "required": ["a"]})],
        },
        "tools[0].function.parameters.properties.a.enum",
        "schema_unsatisfiable",
        id="schema-unsatisfiable",
    ),
    pytest.param({"messages": USER, "tool_choice": "required"}, "tool_choice", None, id="required-without-tools"),
    pytest.param(
        {"messages": USER, "tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
        None,
        id="unknown-tool-chosen",
    ),
    pytest.param({"messages": USER, "tools": [tool()], "tool_choice": "maybe"}, "tool_choice", None, id="unknown-choice"),
    pytest.param({"messages": USER, "response_format": {"type": "xml"}}, "response_format.type", None, id="unknown-format"),
    pytest.param(
        {"messages": USER, "response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        "response_format.json_schema.schema",
        None,
        id="no-schema",
    ),
    pytest.param(
        {"messages": USER, "response_format": {"type": "json_schema", "schema": {"type": "x"}}},
        "response_format.schema.type",
        "schema_invalid",
        id="flat-schema-invalid",
    ),
    pytest.param(
        {"messages": [{"role": "user", "content": "word " * 5000}]},
        "messages",
        "context_length_exceeded",
        id="context-overflow",
    ),
]


@pytest.mark.parametrize(("body", "param", "code"), REFUSED)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_bad_request_is_a_400_that_names_the_place(
    http: httpx.Client, body: dict[str, Any], param: str, code: str | None, stream: bool
) -> None:
    response = http.post("/v1/chat/completions", json={"model": "gpt-4o", **body, "stream": stream})
    check(response, 400, param, code if code != "request_invalid" else None)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b'{"messages": NaN}', b"[" * 100_000, b"\xff", b'{"messages": [], "stop": "\\ud800"}'),
        b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
    ],
    ids=["empty", "cut", "nan", "too-deep", "not-utf-8", "lone-surrogate", "bytes-of-a-surrogate"],
)
def test_a_body_that_is_no_json(http: httpx.Client, data: bytes) -> None:
    check(http.post("/v1/chat/completions", content=data), 400, None, None)


@pytest.mark.parametrize("data", [b"[]", b"3", b'"x"', b"null"])
def test_a_body_that_is_no_object(http: httpx.Client, data: bytes) -> None:
    check(http.post("/v1/chat/completions", content=data), 400, None, None)


def test_a_body_that_is_too_large(http: httpx.Client) -> None:
    large = b" " * (33 * 1024 * 1024)
    check(http.post("/v1/chat/completions", content=large), 413, None, "request_too_large")

    def pieces() -> Iterator[bytes]:
        for _ in range(33):
            yield b" " * (1024 * 1024)

    check(http.post("/v1/chat/completions", content=pieces()), 413, None, "request_too_large")


def test_an_unknown_model_is_told_what_there_is(http: httpx.Client) -> None:
    asked = http.post("/v1/chat/completions", json={"model": "llama-9", "messages": USER})
    assert "'demo' is loaded" in check(asked, 404, "model", "model_not_found")
    check(http.get("/v1/models/some/other"), 404, "model", "model_not_found")


def test_unknown_routes_and_methods(http: httpx.Client) -> None:
    check(http.get("/v1/nothing"), 404, None, "unknown_url")
    check(http.get("/v1/chat/completions"), 405, None, None)


def test_openais_client_raises_its_own_errors(served: Serving) -> None:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as bad:
            client.chat.completions.create(model="gpt-4o", messages=[])
        assert bad.value.param == "messages"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("other")


def test_a_limit_beyond_all_contexts_is_no_limit(http: httpx.Client) -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        body = {"messages": USER, field: 2**40, "stop": list("abcdefghijklmnopqrstuvwxyz")}
        assert http.post("/v1/chat/completions", json=body).status_code == 200


def test_line_ends_of_unicode_do_not_end_events() -> None:
    written = sse.event({"content": "a\u2028b\u2029c\x85d\n"})
    assert written.decode().splitlines()[1:] == [""]
    assert json.loads(written.removeprefix(b"data: ")) == {"content": "a\u2028b\u2029c\x85d\n"}


def test_nulls_and_unknown_fields_mean_nothing(http: httpx.Client) -> None:
    nulls = dict.fromkeys(("temperature", "stop", "n", "seed", "tool_choice", "response_format", "max_tokens", "tools"))
    body = {"model": "o3", "messages": USER, **nulls, "max_completion_tokens": 3, "user": "me", "store": True, "x_y": {}}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    assert response.json()["usage"]["completion_tokens"] == 3


def test_all_a_client_may_send(http: httpx.Client) -> None:
    """Fields that are served, in their less usual forms."""
    body = {
        "model": "demo",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c", "name": "me"},
            {"role": "assistant", "content": None, "reasoning_content": "r", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "2", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "d"},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "e"}]},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": []},
        ],
        "tools": [tool(), tool(name="g", parameters=None, strict=None)],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
        },
        "temperature": 1, "top_p": 0.9, "top_k": 40, "min_p": 0, "seed": -1, "repeat_penalty": 1.1,
        "presence_penalty": -2, "frequency_penalty": 2, "logit_bias": {"5": -100, "x": 1},
        "samplers": ["top_k", "temperature"], "reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": True},
        "schema_style": "typescript", "prompt_cache_key": "k", "max_completion_tokens": 500,
    }  # fmt: skip
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    calls = response.json()["choices"][0]["message"]["tool_calls"]
    assert {call["function"]["name"] for call in calls} == {"g"}
    assert {call["function"]["arguments"] for call in calls} == {"{}"}


def test_health_and_readiness(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/ready").json() == {"status": "ok", "waiting_for": []}


def test_an_api_key_is_asked_for(served: Serving) -> None:
    with running(
        "facade", "--port", "0", "--compiler", served.compiler, "--inference", served.inference,
        until="listening", env={"PROMPTWEAVE_API_KEY": "sesame"},
    ) as (_, said):  # fmt: skip
        url = "http://" + said.split()[-1]
        check(httpx.get(f"{url}/v1/models"), 401, None, "invalid_api_key")
        check(httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer wrong"}), 401, None, "invalid_api_key")
        assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer sesame"}).status_code == 200
        assert httpx.get(f"{url}/health").status_code == 200


def test_services_that_are_not_there_are_a_503(served: Serving) -> None:
    for compiler, inference in ((served.compiler, "127.0.0.1:1"), ("127.0.0.1:1", served.inference)):
        with running(
            "facade", "--port", "0", "--compiler", compiler, "--inference", inference, until="listening"
        ) as (_, said):  # fmt: skip
            url = "http://" + said.split()[-1]
            response = httpx.post(f"{url}/v1/chat/completions", json=REQUEST, timeout=60)
            check(response, 503, None, "service_unavailable")
            assert int(response.headers["retry-after"]) >= 1
            ready = httpx.get(f"{url}/ready", timeout=60)
            assert ready.status_code == 503
            assert ready.json()["waiting_for"] == ["inference" if inference.endswith(":1") else "compiler"]
            assert httpx.get(f"{url}/health").status_code == 200


def test_a_deadline_that_passes_is_a_504(served: Serving) -> None:
    with running(
        "facade", "--port", "0", "--compiler", served.compiler, "--inference", served.inference,
        "--request-timeout", "1", until="listening",
    ) as (_, said):  # fmt: skip
        url = "http://" + said.split()[-1] + "/v1/chat/completions"
        endless = {"messages": USER, "max_tokens": 100_000, "logit_bias": {str(token): -100 for token in range(257, 264)}}
        check(httpx.post(url, json=endless, timeout=60), 504, None, "timeout")
        events = httpx.post(url, json={**endless, "stream": True}, timeout=60).text.strip().split("\n\n")
        assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "timeout"
