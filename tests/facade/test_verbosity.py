"""`verbosity` is a sentence in the system message."""

from typing import Any

import pytest

from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.v1 import chat_pb2

USER = {"role": "user", "content": "hi"}


def texts(messages: list[Any], verbosity: str | None) -> list[tuple[chat_pb2.Role.ValueType, str]]:
    request, _ = to_compile_request(translate_chat(read_chat_body({"messages": messages, "verbosity": verbosity})))
    return [(message.role, "".join(part.text for part in message.content)) for message in request.messages]


@pytest.mark.parametrize(("verbosity", "word"), [("low", "short"), ("high", "detailed")])
def test_a_sentence(verbosity: str, word: str) -> None:
    (role, sentence), user = texts([USER], verbosity)
    assert (role, user) == (chat_pb2.ROLE_SYSTEM, (chat_pb2.ROLE_USER, "hi"))
    assert word in sentence
    for own in ("system", "developer"):
        first, user = texts([{"role": own, "content": "Be kind."}, USER], verbosity)
        assert first == (chat_pb2.Role.Value(f"ROLE_{own.upper()}"), f"Be kind.\n\n{sentence}")
        assert user == (chat_pb2.ROLE_USER, "hi")
    assert texts([{"role": "system", "content": None}, USER], verbosity)[0][1] == sentence


@pytest.mark.parametrize("verbosity", [None, "medium"])
def test_no_sentence(verbosity: str | None) -> None:
    assert texts([USER], verbosity) == [(chat_pb2.ROLE_USER, "hi")]


def test_another_value_is_a_warning() -> None:
    asked = translate_chat(read_chat_body({"messages": [USER], "verbosity": "chatty"}))
    assert [(warning.code, warning.path) for warning in asked.warnings] == [("not_applied", "/verbosity")]
    assert len(to_compile_request(asked)[0].messages) == 1


def test_positions_stay_those_of_the_request() -> None:
    body = {"messages": [USER, {"role": "assistant", "refusal": "no"}], "verbosity": "low"}
    _, places = to_compile_request(translate_chat(read_chat_body(body)))
    assert places.original("/messages/0/content/0") == "/verbosity"
    assert places.original("/messages/1/content/0") == "/messages/0/content/0"
    assert places.original("/messages/2/content/0") == "/messages/1/refusal"
