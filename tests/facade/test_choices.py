"""Several choices and log-probabilities over a real engine, with OpenAI's own client."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionTokenLogprob

from tests.support.serving import Serving

PLAIN: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hi"}],
    # Ten letters, which are tokens.
    "max_tokens": 10,
    "logit_bias": {str(token): -100 for token in range(264) if token not in range(ord("c"), ord("z") + 1)},
}
TOOL: dict[str, Any] = {
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "max_tokens": openai.omit,
    "logit_bias": openai.omit,
}


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


@pytest.mark.parametrize("n", [1, 3, 9])
def test_choices(client: openai.OpenAI, n: int) -> None:
    completion = client.chat.completions.create(**PLAIN, n=n, seed=5)
    assert [choice.index for choice in completion.choices] == list(range(n))
    contents = [choice.message.content or "" for choice in completion.choices]
    assert {len(content) for content in contents} == {10}
    assert len(set(contents)) == n
    assert completion.usage
    assert completion.usage.completion_tokens == 10 * n
    alone = client.chat.completions.create(**PLAIN)
    assert alone.usage
    assert completion.usage.prompt_tokens == alone.usage.prompt_tokens
    assert completion.usage.prompt_tokens_details
    assert completion.usage.completion_tokens_details
    assert completion.usage.completion_tokens_details.reasoning_tokens == 0


def test_choices_of_a_stream(client: openai.OpenAI) -> None:
    contents: dict[int, str] = defaultdict(str)
    roles, finished = [], []
    stream = client.chat.completions.create(**PLAIN, n=6, stream=True, stream_options={"include_usage": True})
    for chunk in stream:
        for choice in chunk.choices:
            assert choice.index not in finished
            if choice.delta.role:
                roles.append(choice.index)
            contents[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                finished.append(choice.index)
    assert roles == list(range(6))
    assert sorted(finished) == list(range(6))
    assert {len(content) for content in contents.values()} == {10}
    assert chunk.usage
    assert chunk.usage.completion_tokens == 60


def test_choices_that_call(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(**{**PLAIN, **TOOL}, n=5)
    calls = [call for choice in completion.choices for call in choice.message.tool_calls or []]
    assert {choice.finish_reason for choice in completion.choices} == {"tool_calls"}
    assert {json.loads(call.function.arguments)["a"] for call in calls if call.type == "function"} <= {"x", "y"}
    assert len({call.id for call in calls}) == len(calls) == 5


def text_of(tokens: list[ChatCompletionTokenLogprob]) -> str:
    return b"".join(bytes(token.bytes or []) for token in tokens).decode()


@pytest.mark.parametrize("top", [None, 0, 5])
def test_logprobs(client: openai.OpenAI, top: int | None) -> None:
    given = {**PLAIN, "logprobs": True, "top_logprobs": openai.omit if top is None else top, "seed": 3}
    choice = client.chat.completions.create(**given).choices[0]
    assert choice.logprobs
    assert choice.logprobs.content
    assert text_of(choice.logprobs.content) == choice.message.content
    for token in choice.logprobs.content:
        assert token.logprob < 0
        assert bytes(token.bytes or []).decode(errors="replace") == token.token
        assert len(token.top_logprobs) == (top or 0)


@pytest.mark.parametrize("n", [1, 3])
def test_logprobs_of_a_stream(client: openai.OpenAI, n: int) -> None:
    """Put together by OpenAI's client itself."""
    given = {**PLAIN, "logprobs": True, "top_logprobs": 2, "seed": 3, "n": n}
    with client.chat.completions.stream(**given) as stream:
        seen = [event for event in stream if event.type == "chunk"]
        final = stream.current_completion_snapshot
    for choice in final.choices:
        assert choice.logprobs
        assert text_of(choice.logprobs.content or []) == choice.message.content
    for event in seen:
        for part in event.chunk.choices:
            # What a token wrote comes with it, unless it is held back for a moment.
            assert part.logprobs is None or part.delta.content or part.finish_reason
    assert len(final.choices) == n


@pytest.mark.parametrize("tokens", [6, 20])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_logprobs_add_up_to_the_tokens_of_the_answer(client: openai.OpenAI, tokens: int, seed: int, stream: bool) -> None:
    """Here most characters beyond ASCII are several tokens, and the limit cuts some: the engine reports none of those."""
    given: dict[str, Any] = {
        "model": "demo",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": tokens,
        "seed": seed,
        "logprobs": True,
    }
    if stream:
        chunks = [*client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True})]
        choices = [choice for chunk in chunks for choice in chunk.choices]
        scored = [token for choice in choices if choice.logprobs for token in choice.logprobs.content or []]
        content, usage = "".join(choice.delta.content or "" for choice in choices), chunks[-1].usage
    else:
        answer = client.chat.completions.create(**given)
        choice = answer.choices[0]
        assert choice.logprobs
        scored, content, usage = choice.logprobs.content or [], choice.message.content or "", answer.usage
    assert usage
    assert len(scored) == usage.completion_tokens == tokens
    assert b"".join(bytes(token.bytes or []) for token in scored).decode(errors="replace") == content
    for token in scored:
        assert (token.logprob < 0) == bool(token.token)


def test_logprobs_are_those_of_content(client: openai.OpenAI) -> None:
    """A call's arguments have no place in OpenAI's answer."""
    given = {**PLAIN, **TOOL, "logprobs": True}
    choice = client.chat.completions.create(**given).choices[0]
    assert choice.message.tool_calls
    assert choice.logprobs
    assert choice.logprobs.content == []
    for chunk in client.chat.completions.create(**given, stream=True):
        assert not chunk.choices[0].logprobs


def test_logprobs_of_an_answer_of_a_schema(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "é"]}}, "required": ["a"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    choice = client.chat.completions.create(
        **{**PLAIN, "max_tokens": 100, "logit_bias": openai.omit}, response_format=wanted, logprobs=True, n=2
    ).choices[1]
    assert choice.logprobs
    assert text_of(choice.logprobs.content or []) == choice.message.content
    assert json.loads(choice.message.content or "").keys() == {"a"}


def test_logprobs_end_before_a_stop_string(client: openai.OpenAI) -> None:
    given = {**PLAIN, "max_tokens": 1000, "stop": ["s"], "logprobs": True}
    choice = client.chat.completions.create(**given).choices[0]
    assert choice.finish_reason == "stop"
    assert "s" not in (choice.message.content or "")
    assert choice.logprobs
    assert text_of(choice.logprobs.content or []) == choice.message.content


def test_a_bias_by_token_and_by_text(client: openai.OpenAI) -> None:
    for bias in ({str(ord("q")): 100}, {"q": 100}):
        given = {**PLAIN, "max_tokens": 1, "temperature": 0, "logit_bias": bias}
        assert client.chat.completions.create(**given).choices[0].message.content == "q"
