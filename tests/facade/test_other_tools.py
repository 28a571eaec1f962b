"""Tools, choices and calls of other APIs in chat completions: flat ones are converted, hosted ones are left out."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from promptweave.errors import PromptweaveError
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.v1 import prompt_compiler_pb2
from tests.support.serving import Serving

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x"]}}, "required": ["a"]}
OWN = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "g", "description": "does g", "parameters": SCHEMA, "strict": True}
ANTHROPIC = {"name": "h", "description": "does h", "input_schema": SCHEMA}
FLAT_CUSTOM = {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}}
SEARCH = {"type": "web_search", "filters": {}}


def translated(**fields: Any) -> tuple[Translation, prompt_compiler_pb2.CompileRequest]:
    asked = translate_chat(read_chat_body({"messages": [USER], **fields}))
    return asked, to_compile_request(asked)[0]


def codes(asked: Translation) -> list[tuple[str, str]]:
    return [(warning.code, warning.path) for warning in asked.warnings]


def test_flat_tools() -> None:
    asked, request = translated(tools=[OWN, FLAT, ANTHROPIC, FLAT_CUSTOM])
    assert [tool.function.name for tool in request.tools[:3]] == ["f", "g", "h"]
    assert len({tool.function.parameters for tool in request.tools[:3]}) == 1
    assert [tool.function.description for tool in request.tools[1:3]] == ["does g", "does h"]
    assert request.tools[1].function.strict
    assert (request.tools[3].custom.name, request.tools[3].custom.grammar.definition) == ("c", "a+")
    assert codes(asked) == [("tool_converted", f"/tools/{place}") for place in (1, 2, 3)]
    places = to_compile_request(asked)[1]
    assert places.original("/tools/0/function/parameters/type") == "/tools/0/function/parameters/type"
    assert places.original("/tools/1/function/parameters/type") == "/tools/1/parameters/type"
    assert places.original("/tools/2/function/parameters/type") == "/tools/2/input_schema/type"
    assert places.original("/tools/3/custom/grammar/definition") == "/tools/3/format/definition"


def test_hosted_tools_are_left_out() -> None:
    asked, request = translated(tools=[SEARCH, OWN, {"type": "mcp", "server_label": "x"}, FLAT])
    assert [tool.function.name for tool in request.tools] == ["f", "g"]
    assert codes(asked) == [("tool_left_out", "/tools/0"), ("tool_left_out", "/tools/2"), ("tool_converted", "/tools/3")]
    places = to_compile_request(asked)[1]
    assert places.original("/tools/0/function/name") == "/tools/1/function/name"
    assert places.original("/tools/1/function/name") == "/tools/3/name"


def test_tools_of_a_message() -> None:
    asked, request = translated(messages=[USER, {"role": "developer", "tools": [SEARCH, FLAT]}, USER])
    assert [tool.function.name for tool in request.messages[1].tools] == ["g"]
    assert codes(asked) == [("tool_left_out", "/messages/1/tools/0"), ("tool_converted", "/messages/1/tools/1")]


CHOICES: Sequence[tuple[Any, str]] = (
    ("any", "required"),
    ({"type": "any"}, "required"),
    ({"type": "auto"}, "auto"),
    ({"type": "none"}, "none"),
    ({"type": "function", "name": "f"}, "named"),
    ({"type": "tool", "name": "f"}, "named"),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, SEARCH]}, "allowed"),
)


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_choices_of_other_apis(choice: Any, expected: str) -> None:
    _, request = translated(tools=[OWN, FLAT, SEARCH], tool_choice=choice)
    assert request.tool_choice.WhichOneof("choice") == expected
    if expected == "named":
        assert request.tool_choice.named.name == "f"
    if expected == "allowed":
        assert [*request.tool_choice.allowed.names] == ["f"]


@pytest.mark.parametrize(
    "choice", [{"type": "web_search"}, {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [SEARCH]}}]
)
def test_a_choice_of_a_tool_that_is_left_out_is_refused(choice: Any) -> None:
    with pytest.raises(PromptweaveError, match="not served") as refused:
        translated(tools=[OWN, SEARCH], tool_choice=choice)
    assert (refused.value.path or "").startswith("/tool_choice")


NAMES = ("mcp.calc:add", "a/b", "x" * 100, "héllo", "with space")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_served_and_comes_back(served: Serving, name: str) -> None:
    tool = {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    choice = {"type": "function", "function": {"name": name}}
    body = {"messages": [USER], "tools": [tool], "tool_choice": choice}
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": name, "arguments": '{"a": "x"}'}


def test_a_flat_tool_is_called(served: Serving) -> None:
    body = {"messages": [USER], "tools": [SEARCH, FLAT], "tool_choice": "any", "parallel_tool_calls": False}
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).json()
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "g"
    assert [warning["code"] for warning in answer["warnings"]] == ["tool_left_out", "tool_converted"]


# -- the history --


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **fields}


def test_calls_in_other_forms() -> None:
    flat = {"id": "1", "type": "function", "name": "f", "arguments": "{}"}
    hosted = {"id": "2", "type": "web_search", "query": "q"}
    own = {"id": "3", "function": {"name": "g", "arguments": {"a": 1}}}
    custom = {"id": "4", "type": "custom", "name": "c", "input": "x"}
    asked, request = translated(messages=[USER, assistant(tool_calls=[flat, hosted, None, own, custom])])
    message = request.messages[1]
    assert [call.function.name or call.custom.name for call in message.tool_calls] == ["f", "g", "c"]
    assert '"query": "q"' in message.content[0].text
    assert codes(asked) == [("call_as_text", "/messages/1/tool_calls/1"), ("call_left_out", "/messages/1/tool_calls/2")]
    places = to_compile_request(asked)[1]
    assert places.original("/messages/1/tool_calls/1/function/arguments") == "/messages/1/tool_calls/3/function/arguments"


HISTORIES: dict[str, list[Any]] = {
    "begins-with-the-model": [assistant(content="so"), USER],
    "only-the-model": [assistant(content="so")],
    "result-alone": [{"role": "tool", "content": "x"}],
    "function-result-alone": [{"role": "function", "name": "g", "content": "x"}, USER],
    "function-result-without-a-name": [USER, {"role": "function", "content": "x"}],
    "both-kinds-of-calls": [USER, assistant(tool_calls=[{"function": {"name": "f"}}], function_call={"name": "g"})],
    "nulls": [
        {"role": "system", "content": None, "name": None},
        {"role": "user", "content": [None, {"type": "text", "text": None}, "text"], "tool_calls": None},
        assistant(tool_calls=[None, {"id": None, "type": None, "function": {"name": None, "arguments": None}}]),
        {"role": "tool", "tool_call_id": None, "content": None},
    ],
    "calls-of-the-user": [{**USER, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}, USER],
    "system-anywhere": [
        USER,
        {"role": "system", "content": "be"},
        assistant(content=""),
        {"role": "developer", "content": ""},
    ],
    "arguments-of-any-type": [
        USER,
        assistant(tool_calls=[{"function": {"name": "f", "arguments": value}} for value in ([1], 5, True)]),
    ],
    "audio": [USER, assistant(audio={"id": "a"}), {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
    "empty-parts": [{"role": "user", "content": []}, {"role": "user", "content": [{"type": "image_url"}, {}]}],
}


@pytest.mark.parametrize("kind", HISTORIES)
def test_no_history_is_refused(served: Serving, kind: str) -> None:
    body = {"messages": HISTORIES[kind], "max_tokens": 2}
    for more in ({}, {"tools": [OWN]}):
        answer = httpx.post(f"{served.url}/chat/completions", json={**body, **more}, timeout=60)
        assert answer.status_code == 200, answer.text


def test_what_a_flat_call_has_besides_is_a_warning() -> None:
    call = {"type": "mcp_call", "id": "1", "name": "f", "arguments": "{}", "status": "completed", "output": "sunny"}
    asked, _ = translated(messages=[USER, assistant(tool_calls=[call])])
    assert codes(asked) == [("unknown_field", "/messages/1/tool_calls/0/output")]
