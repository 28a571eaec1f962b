"""Requests validated with OpenAI's description. Responses are validated by `conftest.py`, for all tests."""

from typing import Any

import httpx
import jsonschema
import pytest

from tests.facade.test_responses import REQUESTS, streamed
from tests.facade.test_responses_events import content, end, fragment, header, heard, reasoning, violation
from tests.support.facade.openai_spec import check, check_event, described
from tests.support.facade.response_validation import Answer
from tests.support.facade.weather_request import CHOICES, REQUEST
from tests.support.serving import Serving

pytestmark = described


@pytest.mark.parametrize("kind", [*CHOICES, "none"])
@pytest.mark.parametrize("limit", [3, 60])
def test_completions(served: Serving, kind: str, limit: int) -> None:
    body = {**REQUEST, "tool_choice": CHOICES.get(kind, "none"), "max_tokens": limit if kind != "none" else 30}
    check("CreateChatCompletionRequest", body)
    url = f"{served.url}/chat/completions"
    answer = httpx.post(url, json=body, timeout=120).json()
    assert answer["choices"][0]["logprobs"] is None
    assert answer["choices"][0]["message"]["refusal"] is None
    for usage in (True, False):
        streamed = httpx.post(url, json={**body, "stream": True, "stream_options": {"include_usage": usage}}, timeout=120)
        *_, done, rest = streamed.text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")


@pytest.mark.parametrize("kind", REQUESTS)
def test_responses(served: Serving, kind: str) -> None:
    body = {"model": "gpt-4o", **REQUESTS[kind]}
    # The description wants 16 tokens at least; we take fewer.
    check("CreateResponse", {**body, "max_output_tokens": 16})
    with httpx.Client(base_url=served.url, timeout=120) as http:
        whole = http.post("/responses", json=body).json()
        streamed(http, body)
        assert http.get(f"/responses/{whole['id']}/input_items").json()["data"]


def test_events_that_a_random_model_cannot_be_made_to_write() -> None:
    told = heard(
        *(reasoning("hm"), content("x"), header(0), fragment(0, "{}"), end(0)),
        *(header(1, custom=True), fragment(1, "x"), end(1), violation(name="f", text="{}")),
        encrypt_reasoning=True,
    )
    for event in told.events:
        check_event(event)
    assert {event["type"].split(".")[1] for event in told.events} >= {"refusal", "reasoning_text", "custom_tool_call_input"}


@pytest.mark.parametrize("kind", ["named", "none"])
def test_choices_with_logprobs(served: Serving, kind: str) -> None:
    body = {**REQUEST, "tool_choice": CHOICES.get(kind, "none"), "max_tokens": 30, "n": 3, "logprobs": True}
    body |= {"top_logprobs": 2, "service_tier": "auto", "logit_bias": {"5": -100}, "seed": 1}
    check("CreateChatCompletionRequest", body)
    url = f"{served.url}/chat/completions"
    answer = httpx.post(url, json=body, timeout=120).json()
    assert len(answer["choices"]) == 3
    assert all(bool(choice["logprobs"]["content"]) == (kind == "none") for choice in answer["choices"])
    httpx.post(url, json={**body, "stream": True}, timeout=120)


CHUNK = 'data: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}\n\n'


@pytest.mark.parametrize(
    ("path", "status", "kind", "data"),
    [
        ("/v1/chat/completions", 200, "application/json", "{}"),
        ("/v1/chat/completions", 200, "text/event-stream", CHUNK.replace("1", '"1"')),
        ("/v1/chat/completions", 200, "text/event-stream", 'data: {"error": {"message": "m"}}\n\n'),
        ("/v1/responses", 200, "text/event-stream", 'data: {"type": "response.created"}\n\n'),
        ("/v1/completions", 200, "text/event-stream", 'data: {"choices": [{"finish_reason": null, "index": 0}]}\n\n'),
        ("/v1/nothing", 404, "application/json", '{"detail": "Not Found"}'),
    ],
)
def test_the_check_of_answers_finds_faults(path: str, status: int, kind: str, data: Any) -> None:
    request = httpx.Request("POST", f"http://facade{path}")
    answer = Answer(request, httpx.Response(status, headers={"content-type": kind}), bytearray(data.encode()), whole=True)
    with pytest.raises((jsonschema.ValidationError, AssertionError)):
        answer.check()
