"""Responses in the background: polled for, cancelled, streamed while the client is there."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.openai.responses.storage.database import Database, StoreLimits
from tests.support.facade.openai_errors import check
from tests.support.serving import Serving, serving

ENDLESS = {"logit_bias": {str(token): -100 for token in range(257, 264)}}
"""Never the end of the turn, nor another special token."""
WAIT_S = 60


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


def begun(client: openai.OpenAI, tokens: int) -> openai.types.responses.Response:
    return client.responses.create(
        model="demo", input="count", background=True, max_output_tokens=tokens, extra_body=ENDLESS
    )


def ended(client: openai.OpenAI, id: str) -> openai.types.responses.Response:
    deadline = time.monotonic() + WAIT_S
    while (response := client.responses.retrieve(id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return response


def test_the_client_polls_until_it_has_ended(client: openai.OpenAI) -> None:
    response = begun(client, 16)
    assert (response.status, response.background, response.output) == ("queued", True, [])
    last = ended(client, response.id)
    assert (last.status, last.background) == ("incomplete", True)
    assert last.usage
    assert last.usage.output_tokens == 16
    # It is stored, and can be continued.
    again = client.responses.create(
        model="demo", input="and?", previous_response_id=response.id, max_output_tokens=16, background=True
    )
    assert len(ended(client, again.id).output) == 1
    assert len(client.responses.input_items.list(again.id).data) == 3
    assert client.responses.cancel(response.id) == last


def test_it_is_cancelled(client: openai.OpenAI) -> None:
    response = begun(client, 1500)
    cancelled = client.responses.cancel(response.id)
    assert cancelled.status == "cancelled"
    assert all(item.type == "message" and item.status == "incomplete" for item in cancelled.output)
    assert client.responses.retrieve(response.id) == cancelled
    assert client.responses.cancel(response.id) == cancelled


def test_it_is_cancelled_and_deleted(client: openai.OpenAI) -> None:
    response = begun(client, 1500)
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_a_stream_is_left_and_goes_on(client: openai.OpenAI) -> None:
    request: dict[str, Any] = {"model": "demo", "input": "count", "background": True, "max_output_tokens": 32}
    with client.responses.create(**request, stream=True, extra_body=ENDLESS) as stream:
        kinds = [(event.type, event.sequence_number) for event, _ in zip(stream, range(3), strict=False)]
        assert kinds == [("response.created", 0), ("response.queued", 1), ("response.in_progress", 2)]
        id = next(event.item_id for event in stream if event.type == "response.output_text.delta")
    whole = client.responses.create(**request, stream=True, extra_body=ENDLESS)
    *_, last = whole
    assert last.type == "response.incomplete"
    assert client.responses.retrieve(last.response.id) == last.response
    assert id


def test_what_a_client_left_is_generated_to_its_end(client: openai.OpenAI) -> None:
    with client.responses.create(
        model="demo", input="count", background=True, max_output_tokens=200, stream=True, extra_body=ENDLESS
    ) as stream:
        first = next(iter(stream))
    assert first.type == "response.created"
    last = ended(client, first.response.id)
    assert last.usage
    assert last.usage.output_tokens == 200


def test_a_request_that_is_wrong_is_refused_at_once_and_a_prompt_that_is_too_long_fails(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="demo", input="x", background=True, tool_choice="required")
    response = client.responses.create(model="demo", input="word " * 5000, background=True)
    last = ended(client, response.id)
    assert last.status == "failed"
    assert last.error
    assert last.error.code == "invalid_prompt"


def test_when_the_server_stops_it_is_cancelled(demo_model: Any, tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    with serving("--model", str(demo_model), "--responses-store", str(file), "--ctx-size", "2048") as everything:
        body = {"input": "count", "background": True, "max_output_tokens": 1500, **ENDLESS}
        id = httpx.post(f"{everything.url}/responses", json=body, timeout=60).json()["id"]
    database = Database(str(file), StoreLimits(100, 1_000_000, 1000))
    rows = database.connection.execute("SELECT id, json_extract(response, '$.status') FROM responses").fetchall()
    database.close()
    assert rows == [(id, "cancelled")]


def test_without_a_store_there_is_no_background(demo_model: Any) -> None:
    with serving("--model", str(demo_model), "--responses-max-count", "0", "--ctx-size", "2048") as everything:
        answer = httpx.post(f"{everything.url}/responses", json={"input": "x", "background": True}, timeout=60)
        check(answer, 400, "background", None)
        check(httpx.post(f"{everything.url}/conversations", json={}, timeout=60), 400, "items", None)
