"""`/v1/responses` over a real engine, with OpenAI's own client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import jsonschema
import openai
import pytest
from openai.types.responses import ResponseItemList
from pydantic import BaseModel

from promptweave.demo.model import write_demo_model
from tests.support.facade.responses_events import WEATHER, CheckedEvents
from tests.support.serving import Serving, running, serving

PARAMETERS = WEATHER["parameters"]


class Place(BaseModel):
    """What a model is made to write."""

    city: Literal["Rome", "Oslo"]
    warm: bool


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


@pytest.fixture(scope="module")
def http(served: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=120) as found:
        yield found


def streamed(http: httpx.Client, body: dict[str, Any]) -> CheckedEvents:
    """A stream, as it is on the wire."""
    response = http.post("/responses", json={**body, "stream": True}, timeout=120)
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    events = []
    for block in blocks:
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return CheckedEvents(events)


REQUESTS: dict[str, dict[str, Any]] = {
    "text": {"input": "hi", "max_output_tokens": 30},
    "calls": {"input": "hi", "tools": [WEATHER], "tool_choice": "required", "max_output_tokens": 200},
    "one-call": {
        "input": "hi",
        "tools": [WEATHER, {**WEATHER, "name": "other"}],
        "tool_choice": {"type": "function", "name": "other"},
        "parallel_tool_calls": False,
        "max_output_tokens": 1000,
    },
    "cut-call": {
        "input": "hi",
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "name": "weather"},
        "max_output_tokens": 60,
    },
    "json": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "text": {"format": {"type": "json_schema", "name": "weather", "schema": PARAMETERS, "strict": True}},
    },
}


def check_output(kind: str, response: dict[str, Any]) -> None:
    """What is promised of each kind of request."""
    items, status = response["output"], response["status"]
    assert (response["incomplete_details"] is None) == (status == "completed")
    whole = [item for item in items if item["status"] == "completed"]
    for item in whole:
        if item["type"] == "function_call":
            jsonschema.validate(json.loads(item["arguments"]), PARAMETERS)
    match kind:
        case "text":
            assert [item["type"] for item in items] == ["message"]
        case "cut-call":
            assert [item["status"] for item in items] == ["incomplete"]
            assert response["incomplete_details"] == {"reason": "max_output_tokens"}
        case "json":
            assert status == "completed"
            jsonschema.validate(json.loads(items[0]["content"][0]["text"]), PARAMETERS)
        case "one-call":
            assert [item["name"] for item in whole] == ["other"]
        case "calls":
            assert {item["type"] for item in items} == {"function_call"}


@pytest.mark.parametrize("kind", REQUESTS)
def test_whole_or_as_a_stream_it_is_the_same_response(http: httpx.Client, client: openai.OpenAI, kind: str) -> None:
    heard = streamed(http, {"model": "gpt-4o", **REQUESTS[kind]})
    check_output(kind, heard.response)
    assert heard.items == heard.response["output"]
    raw = client.responses.with_raw_response.create(**{"model": "gpt-4o", **REQUESTS[kind]})
    whole = json.loads(raw.text)
    check_output(kind, whole)
    assert set(whole) == set(heard.response)
    # Both are kept, as they were told.
    for response in (whole, heard.response):
        assert json.loads(client.responses.with_raw_response.retrieve(response["id"]).text) == response


@pytest.mark.parametrize("top", [None, 2])
def test_log_probabilities_go_with_their_text(http: httpx.Client, top: int | None) -> None:
    body = {"input": "hi", "top_logprobs": top, "include": ["message.output_text.logprobs"], "max_output_tokens": 20}
    heard = streamed(http, {**body, "seed": 1})
    (part,) = heard.response["output"][0]["content"]
    told = [token for event in heard.events if event["type"].endswith("text.delta") for token in event["logprobs"]]
    assert told == part["logprobs"]
    assert bytes(byte for token in told for byte in token["bytes"]).decode(errors="replace") == part["text"]
    # Of a character of several tokens the engine reports the last one: the others have no candidates.
    assert {0, top or 0} >= {len(token["top_logprobs"]) for token in told} >= {top or 0}
    # What is not asked for is not told.
    plain = http.post("/responses", json={"input": "hi", "max_output_tokens": 20, "seed": 1}).json()
    assert plain["output"][0]["content"][0]["logprobs"] == []


def test_openais_stream_helper(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model="demo", input="hi", tools=[WEATHER], tool_choice="required", extra_body={"seed": 3}
    ) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert kinds[-1] == "response.completed"
    assert all(call.type == "function_call" and call.parsed_arguments["days"] < 10 for call in response.output)
    with client.responses.stream(model="demo", input="hi", text_format=Place, extra_body={"seed": 2}) as stream:
        parsed = stream.until_done().get_final_response().output_parsed
    assert isinstance(parsed, Place)


def test_parse_gives_a_pydantic_model(client: openai.OpenAI) -> None:
    response = client.responses.parse(model="demo", input="hi", text_format=Place)
    assert isinstance(response.output_parsed, Place)
    tool: Any = openai.pydantic_function_tool(Place)
    called = client.responses.parse(model="demo", input="hi", tools=[tool], tool_choice="required").output[0]
    assert called.type == "function_call"
    assert isinstance(called.parsed_arguments, Place)


def test_an_agents_loop(client: openai.OpenAI) -> None:
    """Calls are answered by way of previous_response_id, and of all items sent back."""
    first = client.responses.create(
        model="demo",
        instructions="Be brief.",
        input="Rome?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
    )
    call = first.output[0]
    assert call.type == "function_call"
    answer: Any = {"type": "function_call_output", "call_id": call.call_id, "output": '{"sky": "blue"}'}
    second = client.responses.create(
        model="demo", previous_response_id=first.id, input=[answer], tools=[WEATHER], max_output_tokens=20
    )
    assert second.previous_response_id == first.id
    assert second.instructions is None
    by_hand = client.responses.create(
        model="demo",
        input=[{"role": "user", "content": "Rome?"}, *(item.model_dump() for item in first.output), answer],
        tools=[WEATHER],
        max_output_tokens=20,
    )
    # The same conversation: the same prompt.
    assert by_hand.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens == by_hand.usage.input_tokens
    third = client.responses.create(model="demo", previous_response_id=second.id, input="And?", max_output_tokens=16)
    listed = list(client.responses.input_items.list(third.id, order="asc"))
    assert [item.type for item in listed[:4]] == ["message", "function_call", "function_call_output", second.output[0].type]
    assert listed[1].id == call.id


def test_items_can_be_referred_to(client: openai.OpenAI) -> None:
    first = client.responses.create(model="demo", input="hi", max_output_tokens=16)
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    user = {"role": "user", "content": "hi"}
    second = client.responses.create(model="demo", input=[user, reference, user], max_output_tokens=16)
    assert [item.id for item in client.responses.input_items.list(second.id)][1] == first.output[0].id
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="demo", input=[{"type": "item_reference", "id": "msg_none"}])
    assert missing.value.param == "input[0].id"


def test_input_items_come_in_pages(client: openai.OpenAI, http: httpx.Client) -> None:
    given = [{"role": "user", "content": str(number)} for number in range(7)]
    response = client.responses.create(model="demo", input=given, max_output_tokens=16)
    for order, expected in (("asc", list("0123456")), ("desc", list("6543210"))):
        pages = client.responses.input_items.list(response.id, order=order, limit=3)  # type: ignore[arg-type]
        assert len(pages.data) == 3
        assert [item.content[0].text for item in pages] == expected  # type: ignore[union-attr]
    url = f"/responses/{response.id}/input_items"
    page = http.get(url, params={"limit": 2, "include": "message.input_image.image_url"}).json()
    ResponseItemList.model_validate(page)
    assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][1]["id"])
    assert page["has_more"]
    rest = http.get(url, params={"after": page["last_id"]}).json()
    assert (len(rest["data"]), rest["has_more"]) == (5, False)
    end = http.get(url, params={"after": rest["last_id"]}).json()
    assert (end["data"], end["first_id"], end["last_id"]) == ([], None, None)
    for params in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"order": "up"}, {"after": "msg_none"}):
        error = http.get(url, params=params)
        assert (error.status_code, error.json()["error"]["param"]) == (400, next(iter(params)))


def test_an_incomplete_response_can_be_gone_on_from(client: openai.OpenAI) -> None:
    forced: Any = {"type": "function", "name": "weather"}
    cut = client.responses.create(model="demo", input="hi", tools=[WEATHER], tool_choice=forced, max_output_tokens=60)
    assert cut.status == "incomplete"
    raw = client.responses.with_raw_response.create(
        model="demo", previous_response_id=cut.id, input="go on", max_output_tokens=16
    )
    assert [warning["path"] for warning in json.loads(raw.text)["warnings"]] == ["/previous_response_id"]
    assert raw.headers["x-promptweave-warnings"] == "1"


def test_what_is_not_to_be_stored_is_not(client: openai.OpenAI) -> None:
    response = client.responses.create(model="demo", input="hi", max_output_tokens=16, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(openai.BadRequestError) as missing:
        client.responses.create(model="demo", input="and?", previous_response_id=response.id)
    assert (missing.value.param, missing.value.code) == ("previous_response_id", "previous_response_not_found")


def test_what_a_stream_is_writing_can_be_got(client: openai.OpenAI) -> None:
    # Never the end of the turn, nor another special token.
    endless = {"logit_bias": {str(token): -100 for token in range(257, 264)}}
    with client.responses.create(
        model="gpt-4o", input="count", max_output_tokens=1500, stream=True, extra_body=endless
    ) as stream:
        id = next(event.response.id for event in stream if event.type == "response.created")
        begun = client.responses.retrieve(id)
        assert (begun.status, begun.usage) == ("in_progress", None)
        assert [item.type for item in client.responses.input_items.list(id).data] == ["message"]
        *_, last = stream
    assert last.type == "response.incomplete"
    assert client.responses.retrieve(id) == last.response


def test_delete_and_cancel(client: openai.OpenAI) -> None:
    first = client.responses.create(model="demo", input="hi", max_output_tokens=16)
    second = client.responses.create(model="demo", input="and?", previous_response_id=first.id, max_output_tokens=16)
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(first.id)
    deleted = json.loads(client.responses.with_raw_response.delete(first.id).text)
    assert deleted == {"id": first.id, "object": "response", "deleted": True}
    for gone in (
        client.responses.retrieve,
        client.responses.delete,
        client.responses.cancel,
        client.responses.input_items.list,
    ):
        with pytest.raises(openai.NotFoundError) as missing:
            gone(first.id)
        assert (missing.value.param, missing.value.code) == (None, None)
        assert first.id in missing.value.message
    # The conversation went on, and does not miss it.
    third = client.responses.create(model="demo", input="so?", previous_response_id=second.id, max_output_tokens=16)
    assert len(list(client.responses.input_items.list(third.id))) == 5


def test_what_violates_its_schema_is_a_refusal(http: httpx.Client) -> None:
    """Four digits that must differ: half of the answers do not comply."""
    digits = {"type": "integer", "minimum": 0, "maximum": 9}
    schema = {"type": "array", "items": digits, "minItems": 4, "maxItems": 4, "uniqueItems": True}
    body = {"input": "hi", "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}
    missing = {"output_text", "refusal"}
    for seed in range(40):
        heard = streamed(http, {**body, "seed": seed})
        (part,) = heard.response["output"][0]["content"]
        missing.discard(part["type"])
        assert part["type"] == "refusal" or jsonschema.validate(json.loads(part["text"]), schema) is None
        assert heard.response["warnings"][0]["path"] == "/text/format/schema/uniqueItems"
        if not missing:
            return
    pytest.fail(f"never seen: {missing}")


def test_reasoning(tmp_path: Path) -> None:
    model = tmp_path / "thinker.gguf"
    thought = "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    write_demo_model(
        model,
        template="{% for m in messages %}<|im_start|>{{ m.role }}\n" + thought + "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
    )
    with (
        serving("--model", str(model), "--ctx-size", "2048") as served,
        httpx.Client(base_url=served.url, timeout=60) as http,
    ):
        # It must not end its reasoning, or its turn, by chance.
        unended = {"logit_bias": {"<": -100, **{str(token): -100 for token in range(257, 264)}}}
        request = {"input": "hi", "max_output_tokens": 20, "include": ["reasoning.encrypted_content"], **unended}
        heard = streamed(http, request)
        (item,) = heard.response["output"]
        assert (item["type"], item["status"]) == ("reasoning", "incomplete")
        assert item["content"][0]["text"]
        summarized = streamed(http, {**request, "reasoning": {"summary": "auto"}})
        (told,) = summarized.response["output"]
        assert [part["text"] for part in told["summary"]] == [part["text"] for part in told["content"]]
        assert "warnings" not in summarized.response
        # It comes back in each of the ways that clients have.
        bare = {key: value for key, value in item.items() if key != "content"}
        usages = []
        user = {"role": "user", "content": "hi"}
        for more in (
            {"previous_response_id": heard.response["id"], "input": "so?"},
            {"input": [user, item, {**user, "content": "so?"}]},
            {"input": [user, bare, {**user, "content": "so?"}]},
        ):
            answer = http.post("/responses", json={**request, **more}).json()
            usages.append(answer["usage"]["input_tokens"])
        assert len(set(usages)) == 1


def test_a_store_in_a_file(served: Serving, tmp_path: Path) -> None:
    """It outlives the process, a response belongs to the key that made it, limits hold, what is not kept says so."""
    addresses = ("--port", "0", "--compiler", served.compiler, "--inference", served.inference)
    body = {"input": "hi", "max_output_tokens": 1}

    @contextmanager
    def facade(key: str, *options: str) -> Iterator[httpx.Client]:
        with running("facade", *addresses, "--api-key", key, *options, until="listening") as (_, said):
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=f"http://{said.split()[-1]}/v1", headers=headers, timeout=60) as http:
                yield http

    kept = ("--responses-store", str(tmp_path / "responses.db"))
    with facade("mine", *kept, "--responses-max-count", "2") as http:
        ids = [http.post("/responses", json=body).json()["id"] for _ in range(3)]
    keeps_none = ("--responses-max-count", "0", "--request-timeout", "1")
    with facade("mine", *kept) as mine, facade("other", *kept, *keeps_none) as other:
        assert [mine.get(f"/responses/{id}").status_code for id in ids] == [404, 200, 200]
        assert [other.get(f"/responses/{id}").status_code for id in ids] == [404, 404, 404]
        assert other.delete(f"/responses/{ids[1]}").status_code == 404
        assert other.get(f"/responses/{ids[1]}/input_items").status_code == 404
        stolen = other.post("/responses", json={**body, "previous_response_id": ids[1]})
        assert stolen.json()["error"]["code"] == "previous_response_not_found"
        answer = mine.post("/responses", json={**body, "previous_response_id": ids[1]})
        assert answer.json()["previous_response_id"] == ids[1]
        assert other.post("/responses", json=body).json()["store"] is False
        # A deadline that passes: before the first byte it is a plain error, in a stream the response has failed.
        endless = {
            "input": "hi",
            "max_output_tokens": 100_000,
            "logit_bias": {str(token): -100 for token in range(257, 264)},
        }
        assert other.post("/responses", json=endless).status_code == 504
        failed = streamed(other, endless).response
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
        assert [item["status"] for item in failed["output"]] == ["incomplete"]
