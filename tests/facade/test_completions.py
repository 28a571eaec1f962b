"""Completions of plain prompts."""

from typing import Any

import httpx
import openai
import pytest

from tests.support.serving import Serving

NO_END: dict[str, Any] = {"logit_bias": {str(token): -100 for token in range(257, 264)}, "temperature": 0.0}
"""The end of the turn is left out, and what follows is the same each time."""
ASCII: dict[str, Any] = {"logit_bias": {str(token): -100 for token in [*range(94, 264)]}, "temperature": 0.0}
"""As well, and every token is a character of its own."""


@pytest.fixture(scope="module")
def client(served: Serving) -> openai.OpenAI:
    return openai.OpenAI(base_url=served.url, api_key="none", max_retries=0, timeout=120)


def post(served: Serving, **body: Any) -> httpx.Response:
    return httpx.post(f"{served.url}/completions", json={"model": "demo", **body}, timeout=120)


def test_one_prompt(client: openai.OpenAI) -> None:
    completion = client.completions.create(model="demo", prompt="hello", extra_body=ASCII)
    assert completion.id.startswith("cmpl-")
    assert (completion.object, completion.model) == ("text_completion", "demo")
    (choice,) = completion.choices
    assert (len(choice.text), choice.index, choice.finish_reason, choice.logprobs) == (16, 0, "length", None)
    assert completion.usage
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (5, 16)


def test_the_prompt_has_no_template_and_its_special_tokens_are_meant(client: openai.OpenAI) -> None:
    completion = client.completions.create(model="demo", prompt="<|im_start|>a", max_tokens=1)
    assert completion.usage
    assert completion.usage.prompt_tokens == 2


def test_many_prompts_and_choices_are_in_order(client: openai.OpenAI) -> None:
    prompts = ["abc", "xyz", "hello"]
    alone = [client.completions.create(model="demo", prompt=one, max_tokens=8, extra_body=ASCII) for one in prompts]
    together = client.completions.create(model="demo", prompt=prompts, n=2, max_tokens=8, extra_body=ASCII)
    assert [choice.index for choice in together.choices] == list(range(6))
    assert [choice.text for choice in together.choices] == [one.choices[0].text for one in alone for _ in range(2)]
    assert together.usage
    assert (together.usage.prompt_tokens, together.usage.completion_tokens) == (2 + 3 + 5, 6 * 8)


def test_choices_differ_and_a_seed_repeats_them(client: openai.OpenAI) -> None:
    def texts() -> list[str]:
        made = client.completions.create(model="demo", prompt="hello", n=3, max_tokens=12, seed=2**32 - 2, temperature=1.0)
        return [choice.text for choice in made.choices]

    first = texts()
    assert len(set(first)) == 3
    assert texts() == first


@pytest.mark.parametrize("several", [False, True])
def test_tokens_are_the_text_that_they_are(served: Serving, client: openai.OpenAI, several: bool) -> None:
    root = served.url.removesuffix("/v1")
    tokens = httpx.post(f"{root}/tokenize", json={"content": "<|im_start|>hello"}, timeout=60).json()["tokens"]
    by_text = client.completions.create(model="demo", prompt="<|im_start|>hello", max_tokens=8, extra_body=ASCII)
    given = [tokens, tokens] if several else tokens
    by_tokens = client.completions.create(model="demo", prompt=given, max_tokens=8, extra_body=ASCII)
    assert {choice.text for choice in by_tokens.choices} == {by_text.choices[0].text}
    assert len(by_tokens.choices) == (2 if several else 1)


def test_stop(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="demo", prompt="hello", extra_body=ASCII).choices[0].text
    stopped = client.completions.create(model="demo", prompt="hello", stop=whole[3:5], extra_body=ASCII).choices[0]
    assert stopped.finish_reason == "stop"
    assert stopped.text == whole[: whole.index(whole[3:5])]


@pytest.mark.parametrize("tokens", [False, True], ids=["text", "tokens"])
def test_echo(served: Serving, client: openai.OpenAI, tokens: bool) -> None:
    root = served.url.removesuffix("/v1")
    ids = httpx.post(f"{root}/tokenize", json={"content": "hello"}, timeout=60).json()["tokens"]
    given: Any = ids if tokens else "hello"
    plain = client.completions.create(model="demo", prompt=given, max_tokens=4, extra_body=ASCII).choices[0].text
    echoed = client.completions.create(model="demo", prompt=given, max_tokens=4, echo=True, extra_body=ASCII)
    assert echoed.choices[0].text == "hello" + plain


@pytest.mark.parametrize("top", [0, 3])
def test_logprobs(client: openai.OpenAI, top: int) -> None:
    asked: dict[str, Any] = {"model": "demo", "prompt": "hello", "max_tokens": 12, "logprobs": top, "seed": 7}
    choice = client.completions.create(**asked).choices[0]
    found = choice.logprobs
    assert found
    assert found.tokens
    assert found.token_logprobs
    assert found.top_logprobs
    assert found.text_offset
    for token, score, candidates, offset in zip(
        found.tokens, found.token_logprobs, found.top_logprobs, found.text_offset, strict=True
    ):
        assert candidates[token] == score < 0
        # What was chosen comes in addition, where it is none of the most likely.
        assert max(top, 1) <= len(candidates) <= top + 1
        if not token.startswith("bytes:"):
            assert choice.text[offset:].startswith(token)
    pieces = [piece.choices[0] for piece in client.completions.create(**asked, stream=True)]
    told = [piece.logprobs for piece in pieces if piece.logprobs]
    assert [token for one in told for token in one.tokens or []] == found.tokens
    assert [offset for one in told for offset in one.text_offset or []] == found.text_offset


def test_streams_say_the_same(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "demo", "prompt": ["abc", "xyz"], "echo": True, "max_tokens": 6, "extra_body": ASCII}
    whole = client.completions.create(**asked)
    chunks = [*client.completions.create(**asked, stream=True, stream_options={"include_usage": True})]
    *pieces, last = chunks
    texts = dict.fromkeys((0, 1), "")
    reasons = {}
    for piece in pieces:
        (choice,) = piece.choices
        assert piece.usage is None
        texts[choice.index] += choice.text
        if choice.finish_reason:
            reasons[choice.index] = choice.finish_reason
    assert [*texts.values()] == [choice.text for choice in whole.choices]
    assert reasons == {0: "length", 1: "length"}
    assert (last.choices, last.usage and last.usage.total_tokens) == ([], whole.usage and whole.usage.total_tokens)
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        pytest.param({}, "prompt", None, id="no-prompt"),
        pytest.param({"prompt": ""}, "prompt", None, id="empty"),
        pytest.param({"prompt": []}, "prompt", None, id="nothing"),
        pytest.param({"prompt": ["a", 1]}, "prompt[1]", None, id="mixed"),
        pytest.param({"prompt": [[99999]]}, "prompt", None, id="unknown-token"),
        pytest.param({"prompt": "a" * 3000}, "prompt", "context_length_exceeded", id="long"),
        pytest.param({"prompt": "a", "max_tokens": 0}, "max_tokens", None, id="no-tokens"),
        pytest.param({"prompt": "a", "temperature": -1.0}, "temperature", None, id="temperature"),
        pytest.param({"prompt": "a", "stop": [""]}, "stop[0]", None, id="stop"),
        pytest.param({"prompt": "a", "suffix": "b"}, "suffix", "unsupported_parameter", id="suffix"),
        pytest.param({"prompt": "a", "logprobs": 6}, "logprobs", None, id="logprobs"),
        pytest.param({"prompt": "a", "logprobs": True}, "logprobs", None, id="logprobs-as-in-chat"),
        pytest.param({"prompt": "a", "logprobs": 1, "echo": True}, "logprobs", "unsupported_parameter", id="echo"),
        pytest.param({"prompt": "a", "grammar": "root ::= 'a'"}, "grammar", "unsupported_parameter", id="grammar"),
        pytest.param({"prompt": "a", "n": 2, "best_of": 3}, "best_of", "unsupported_parameter", id="best-of"),
    ],
)
def test_refusals(served: Serving, body: dict[str, Any], param: str, code: str | None, stream: bool) -> None:
    response = post(served, stream=stream, **body)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)


def test_what_asks_for_nothing_is_taken(served: Serving) -> None:
    body = {
        "prompt": "a",
        "best_of": 1,
        "suffix": None,
        "logprobs": None,
        "echo": False,
        "user": "somebody",
        "max_tokens": 1,
    }
    assert post(served, **body).status_code == 200
