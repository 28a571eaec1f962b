"""`fast_forward` in each of the APIs: it reaches the inference service, whose setting holds where it is absent."""

from typing import Any

import pytest

from promptweave.facade.anthropic.body import MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat
from promptweave.facade.bodies.body import read_body
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import to_generate_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.to_chat import to_chat as from_responses

USER = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> Any:
    return translate_chat(read_chat_body({"messages": USER, **fields}))


def messages(**fields: Any) -> Any:
    raw = {"messages": USER, "model": "m", "max_tokens": 5, **fields}
    return to_chat(raw, read_body(MessagesBody, raw))


def responses(**fields: Any) -> Any:
    raw = {"input": "hi", **fields}
    return from_responses(raw, read_body(ResponsesBody, raw), [])


@pytest.mark.parametrize("api", [chat, messages, responses])
def test_it_is_passed_on(api: Any) -> None:
    for wanted in (False, True):
        request, _ = to_generate_request(api(fast_forward=wanted))
        assert request.fast_forward is wanted
    request, _ = to_generate_request(api())
    assert not request.HasField("fast_forward")
