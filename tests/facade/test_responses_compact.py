"""`/v1/responses/input_tokens` and `/v1/responses/compact`."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from promptweave.facade.openai.responses.request.compaction import compaction_item, summary_message
from tests.support.facade.responses_events import WEATHER
from tests.support.serving import Serving

ITEMS: list[Any] = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": "The weather?"},
    {"type": "function_call", "call_id": "1", "name": "weather", "arguments": '{"city": "Oslo", "days": 1}'},
    {"type": "function_call_output", "call_id": "1", "output": "sunny " * 100},
    {"role": "assistant", "content": "It is sunny. " * 20},
    {"role": "user", "content": "And tomorrow?"},
]


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


COUNTED: dict[str, dict[str, Any]] = {
    "text": {"input": "hi"},
    "items": {"input": ITEMS, "tools": [WEATHER], "instructions": "Be brief.", "text": {"verbosity": "low"}},
    "format": {"input": "hi", "text": {"format": {"type": "json_object"}}},
}


@pytest.mark.parametrize("kind", COUNTED)
def test_the_count_is_that_of_the_prompt(client: openai.OpenAI, kind: str) -> None:
    body = COUNTED[kind]
    count = client.responses.input_tokens.count(model="demo", **body)
    response = client.responses.create(model="demo", max_output_tokens=2, **body)
    assert response.usage
    assert (count.object, count.input_tokens) == ("response.input_tokens", response.usage.input_tokens)
    more = {"input": "and?", "previous_response_id": response.id}
    again = client.responses.create(model="demo", max_output_tokens=2, **more)
    assert again.usage
    assert client.responses.input_tokens.count(**more).input_tokens == again.usage.input_tokens


def test_a_compacted_conversation_is_shorter_and_goes_on(client: openai.OpenAI) -> None:
    brief = {"max_output_tokens": 16}
    compacted = client.responses.compact(model="demo", input=ITEMS, extra_body=brief)
    assert (compacted.object, compacted.usage.output_tokens) == ("response.compaction", 16)
    raw = client.responses.with_raw_response.compact(model="demo", input=ITEMS, extra_body=brief)
    output = json.loads(raw.text)["output"]
    assert [(item["type"], item.get("role")) for item in output] == [
        ("message", "developer"),
        ("message", "user"),
        ("message", "user"),
        ("compaction", None),
    ]

    def tokens(items: list[Any]) -> int:
        return client.responses.input_tokens.count(model="demo", input=items).input_tokens

    assert tokens(output[:-1]) < tokens(output) < tokens(ITEMS)
    response = client.responses.create(
        model="demo", input=[*output, {"role": "user", "content": "So?"}], max_output_tokens=2
    )
    assert "warnings" not in (response.model_extra or {})
    # What was compacted is compacted again.
    assert client.responses.compact(
        model="demo", input="So?", previous_response_id=response.id, extra_body={"max_output_tokens": 4}
    ).output


@pytest.mark.parametrize("summary", ["", "It is sunny. \U0001f600", "\ud800"])
def test_summaries_come_back(summary: str) -> None:
    found = summary_message(compaction_item(summary)["encrypted_content"])
    assert found == f"Summary of the conversation so far:\n\n{summary.encode(errors='replace').decode()}"


@pytest.mark.parametrize("content", ["", "!", "gAAAA", "e30=", "WzFd", "eyJwcm9tcHR3ZWF2ZV9zdW1tYXJ5IjogMX0="])
def test_those_of_others_do_not(content: str) -> None:
    assert summary_message(content) is None
