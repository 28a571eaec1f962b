"""Namespaces, deferred tools, references to tools, tools of messages, and content that is left out, in chat requests."""

from typing import Any

import httpx
import pytest

from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.v1 import chat_pb2
from tests.support.serving import Serving

USER = {"role": "user", "content": "Are there stars?"}
CITY = {"type": "object", "properties": {"city": {"enum": ["Oslo"]}}, "required": ["city"]}


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": CITY}, **more}


def compiled(**body: Any) -> Any:
    return compile_request_from_openai({"messages": [USER], **body})[0]


def test_tools_have_a_namespace_and_may_be_deferred() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}, "namespace": "n"}
    first, second = compiled(tools=[function("f", namespace="n", defer_loading=True), custom]).tools
    assert (first.function.name, first.namespace, first.defer_loading) == ("f", "n", True)
    assert (second.custom.name, second.namespace, second.defer_loading) == ("c", "n", False)


def test_calls_have_a_namespace() -> None:
    call = {"id": "1", "function": {"name": "f"}, "namespace": "n"}
    (call,) = compiled(messages=[USER, {"role": "assistant", "tool_calls": [call]}]).messages[1].tool_calls
    assert (call.function.name, call.namespace) == ("f", "n")


def test_the_tool_choice_has_a_namespace() -> None:
    named = {"type": "function", "function": {"name": "f"}, "namespace": "n__"}
    assert compiled(tool_choice=named).tool_choice.named == chat_pb2.ToolChoice.Named(name="f", namespace="n__")
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
    assert compiled(tool_choice=allowed).tool_choice.allowed.names == ["n__f"]


def test_messages_bring_tools() -> None:
    (message,) = compiled(messages=[{"role": "developer", "tools": [function("f", namespace="n")]}]).messages
    assert [(tool.function.name, tool.namespace) for tool in message.tools] == [("f", "n")]


def test_content_refers_to_tools() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "f", "namespace": "n"}]
    content = compiled(messages=[{"role": "tool", "tool_call_id": "1", "content": parts}]).messages[0].content
    assert content[1].tool_reference == chat_pb2.ToolReference(name="f", namespace="n")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_deferred_tool_of_a_namespace_is_called(served: Serving, stream: bool) -> None:
    search = {"id": "1", "type": "function", "function": {"name": "tool_search", "arguments": "{}"}}
    found = [{"type": "tool_reference", "tool_name": "see", "namespace": "sky"}]
    body = {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [search]},
            # Without an id: it belongs to the first call that has no result.
            {"role": "tool", "content": found},
        ],
        "tools": [function("tool_search"), function("see", namespace="sky", defer_loading=True)],
        "tool_choice": {"type": "function", "function": {"name": "see"}, "namespace": "sky"},
        "stream": stream,
    }
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert '"namespace":"sky"' in answer.text
    assert '"name":"see"' in answer.text


LEFT_OUT = {
    "audio": ({"type": "input_audio", "input_audio": {}}, "[input_audio left out]", "part_left_out"),
    "text": ({"type": "input_text", "text": "Look"}, "Look", "part_as_text"),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_content_of_other_types_is_left_out_with_a_warning(kind: str) -> None:
    part, text, code = LEFT_OUT[kind]
    content = [{"type": "text", "text": "see"}, part]
    request = translate_chat(read_chat_body({"messages": [USER, {"role": "user", "content": content}]}))
    assert [(warning.code, warning.path) for warning in request.warnings] == [(code, "/messages/1/content/1")]
    (_, made) = compiled(messages=[USER, {"role": "user", "content": content}]).messages
    assert [part.text for part in made.content] == ["see", text]
