"""Roles that an API does not have: the message stays, in a similar role or as the user's, with a warning."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from promptweave.facade.anthropic.body import MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat as messages_to_chat
from promptweave.facade.bodies.body import read_body
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.to_chat import to_chat as responses_to_chat
from tests.support.serving import Serving

USER = {"role": "user", "content": "hi"}


def of_chat(*messages: dict[str, Any]) -> Translation:
    return translate_chat(read_chat_body({"messages": [*messages]}))


def of_responses(*items: dict[str, Any]) -> Translation:
    raw = {"input": [*items]}
    return responses_to_chat(raw, read_body(ResponsesBody, raw), [])


def of_messages(*messages: dict[str, Any]) -> Translation:
    raw = {"messages": [*messages], "max_tokens": 5}
    return messages_to_chat(raw, read_body(MessagesBody, raw))


APIS: dict[str, tuple[Callable[..., Translation], str]] = {
    "chat": (of_chat, "/messages/1/role"),
    "responses": (of_responses, "/input/1/role"),
    "messages": (of_messages, "/messages/1/role"),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("role", "used"),
    [("model", "assistant"), ("AI", "assistant"), ("root", "system"), ("human", "user"), ("critic", "user"), ("", "user")],
)
def test_a_message_of_an_unknown_role(api: str, role: str, used: str) -> None:
    translate, path = APIS[api]
    made = translate(USER, {"role": role, "content": "ZED"}, USER)
    content = made.body.messages[1].content
    assert made.body.messages[1].role == used
    assert content == "ZED"
    assert [(warning.code, warning.path) for warning in made.warnings] == [("role_unknown", path)]


def test_a_result_of_chat_completions_among_items() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    made = of_responses(USER, call, {"role": "tool", "tool_call_id": "c", "content": "ZED"})
    result = made.body.messages[2]
    assert (result.role, result.tool_call_id, result.content) == ("tool", "c", "ZED")
    assert not made.warnings


def test_a_developer_of_messages_is_the_system() -> None:
    assert of_messages(USER, {"role": "developer", "content": "x"}).body.messages[1].role == "system"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"role": "assistant", "content": "x", "tool_calls": [{}]}, "tool_calls"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "argumens": "{}"}, "argumens"),
        ({"type": "function_call_output", "call_id": "c", "output": "x", "is_error": True}, "is_error"),
    ],
    ids=["message", "call", "output"],
)
def test_an_unknown_field_of_items_is_one_warning(item: dict[str, Any], field: str) -> None:
    made = of_responses(USER, item, item)
    assert [(warning.code, warning.path) for warning in made.warnings] == [("unknown_field", f"/input/1/{field}")]


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/chat/completions", {"messages": [{"role": "robot", "content": "hi"}], "max_tokens": 2}, "/messages/0/role"),
        ("/responses", {"input": [{"role": "robot", "content": "hi"}], "max_output_tokens": 2}, "/input/0/role"),
        ("/messages", {"messages": [{"role": "robot", "content": "hi"}], "max_tokens": 2}, "/messages/0/role"),
    ],
    ids=APIS,
)
def test_the_response_has_the_warning(served: Serving, path: str, body: dict[str, Any], place: str) -> None:
    answer = httpx.post(served.url + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert [(warning["code"], warning["path"]) for warning in answer.json()["warnings"]] == [("role_unknown", place)]
