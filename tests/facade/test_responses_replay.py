"""The events of a response, read again: stored ones, and those of a response that is being generated."""

import asyncio
import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.openai.responses.storage.database import StoreLimits
from promptweave.facade.openai.responses.storage.event_log import EventLog, split
from promptweave.facade.openai.responses.storage.store import ResponseStore, StoredResponse
from tests.support.facade.openai_errors import check
from tests.support.facade.responses_events import WEATHER, CheckedEvents
from tests.support.serving import Serving

JsonObject = dict[str, Any]

ENDLESS = {"logit_bias": {str(token): -100 for token in range(257, 264)}}
"""Never the end of the turn, nor another special token."""
REQUESTS: dict[str, JsonObject] = {
    "text": {"input": "count", "max_output_tokens": 24, "temperature": 0},
    "call": {"input": "hi", "tools": [WEATHER], "tool_choice": "required", "max_output_tokens": 200, "temperature": 0},
    "shell": {"input": "hi", "tools": [{"type": "shell"}], "max_output_tokens": 60, "temperature": 0},
}


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


def events_of(served: Serving, body: JsonObject) -> list[JsonObject]:
    with httpx.stream("POST", f"{served.url}/responses", json={"stream": True, **body}, timeout=60) as answer:
        return read(answer)


def replayed(served: Serving, id: str, **query: Any) -> list[JsonObject]:
    url = f"{served.url}/responses/{id}"
    with httpx.stream("GET", url, params={"stream": "true", **query}, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return read(answer)


def read(answer: httpx.Response) -> list[JsonObject]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("kind", REQUESTS)
def test_a_stream_is_read_again_from_any_event(served: Serving, kind: str, background: bool) -> None:
    first = events_of(served, {**REQUESTS[kind], "background": background})
    id = first[0]["response"]["id"]
    assert replayed(served, id) == first
    for number in (0, 2, len(first) - 2, len(first) - 1, len(first) + 5):
        assert replayed(served, id, starting_after=number) == first[number + 1 :]


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_response_that_was_not_streamed_has_events_too(served: Serving, kind: str) -> None:
    response = httpx.post(f"{served.url}/responses", json=REQUESTS[kind], timeout=60).json()
    checked = CheckedEvents(replayed(served, response["id"]))
    assert checked.response == response


def test_the_sdk_accumulates_the_same_response(client: openai.OpenAI) -> None:
    made = client.responses.create(model="demo", input="hi", max_output_tokens=200, tools=[WEATHER], tool_choice="required")  # type: ignore[list-item]
    with client.responses.stream(response_id=made.id, tools=[WEATHER]) as events:  # type: ignore[list-item]
        *_, last = events
    built = last.response.to_dict()  # type: ignore[union-attr]
    for item in built["output"]:
        item.pop("parsed_arguments", None)  # The SDK's own.
    assert built == made.to_dict()
    with client.responses.stream(response_id=made.id, starting_after=2) as events:
        assert next(event.sequence_number for event in events) == 3
    plain = client.responses.retrieve(made.id, stream=True, starting_after=1)
    assert [event.sequence_number for event in plain][:2] == [2, 3]


def test_readers_follow_a_response_that_is_being_generated(served: Serving, client: openai.OpenAI) -> None:
    body = {"input": "count", "background": True, "max_output_tokens": 300, "temperature": 0, **ENDLESS}
    id = httpx.post(f"{served.url}/responses", json=body, timeout=60).json()["id"]
    found: list[list[JsonObject]] = [[], []]

    def follow(place: int) -> None:
        found[place] = replayed(served, id, starting_after=place)

    threads = [threading.Thread(target=follow, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0][-1]["type"] == "response.incomplete"
    assert found[1] == found[0][1:]
    assert replayed(served, id, starting_after=0) == found[0]


def test_a_stream_that_was_left_in_the_background_is_continued(served: Serving) -> None:
    body = {"input": "count", "background": True, "stream": True, "max_output_tokens": 120, "temperature": 0, **ENDLESS}
    with httpx.stream("POST", f"{served.url}/responses", json=body, timeout=60) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data: "))
        begun = [json.loads(next(lines).removeprefix("data: ")) for _ in range(6)]
    rest = replayed(served, begun[0]["response"]["id"], starting_after=begun[-1]["sequence_number"])
    numbers = [event["sequence_number"] for event in (*begun, *rest)]
    assert numbers == [*range(len(numbers))]
    texts = [event["delta"] for event in (*begun, *rest) if event["type"] == "response.output_text.delta"]
    assert "".join(texts) == rest[-1]["response"]["output"][0]["content"][0]["text"]


def test_a_cancelled_response_has_the_events_up_to_then(served: Serving, client: openai.OpenAI) -> None:
    made = client.responses.create(model="demo", input="x", background=True, max_output_tokens=1500, extra_body=ENDLESS)
    client.responses.cancel(made.id)
    events = replayed(served, made.id)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.queued"]
    assert [event["sequence_number"] for event in events] == [*range(len(events))]


def test_a_failed_response_ends_with_its_error(served: Serving, client: openai.OpenAI) -> None:
    first = events_of(served, {"input": "word " * 5000, "background": True})
    assert first[-1]["type"] == "response.failed"
    assert replayed(served, first[0]["response"]["id"]) == first


def test_invalid_queries(served: Serving) -> None:
    id = httpx.post(f"{served.url}/responses", json=REQUESTS["text"], timeout=60).json()["id"]
    url = f"{served.url}/responses"
    check(httpx.get(f"{url}/{id}?stream=maybe"), 400, "stream", None)
    check(httpx.get(f"{url}/{id}?stream=true&starting_after=-1"), 400, "starting_after", None)
    check(httpx.get(f"{url}/resp_none?stream=true"), 404, None, None)


# -- the log and the store --


@pytest.mark.anyio
async def test_a_log_has_several_readers() -> None:
    log = EventLog()

    async def follow(first: int) -> bytes:
        return b"".join([piece async for piece in log.read(first)])

    early = asyncio.create_task(follow(0))
    await asyncio.sleep(0)
    log.add(b"a\n\nb\n\n")
    late = asyncio.create_task(follow(1))
    await asyncio.sleep(0)
    log.add(b"c\n\n")
    log.close()
    assert (await early, await late, await follow(3)) == (b"a\n\nb\n\nc\n\n", b"b\n\nc\n\n", b"")
    assert split(log.written()) == [b"a\n\n", b"b\n\n", b"c\n\n"]


@pytest.mark.anyio
async def test_events_are_stored_with_the_response(tmp_path: Path) -> None:
    file = str(tmp_path / "store.db")
    store = ResponseStore(file, StoreLimits(10, 600, 100))
    response: Any = {"id": "r", "output": []}
    assert await store.keep("me", StoredResponse(response, []), b"x\n\n" * 1000)
    assert await store.events("me", "r") == b"x\n\n" * 1000
    assert await store.events("you", "r") is None
    # Events that are too large are left out.
    assert await store.keep("me", StoredResponse({**response, "id": "s"}, []), random.Random(0).randbytes(5000))
    assert await store.events("me", "s") is None
    assert await store.get("me", "s")
    await store.delete("me", "r")
    assert await store.events("me", "r") is None
    store.close()
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (0,)
