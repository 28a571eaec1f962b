"""Our answers against OpenAI's own description of its API."""

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import referencing
from referencing.jsonschema import DRAFT202012

from promptweave.facade.responses_body import ResponsesBody
from promptweave.facade.responses_request import NOT_SERVED

from ..serving import Serving
from .test_responses import REQUESTS, streamed
from .test_responses_events import content, end, fragment, header, heard, reasoning, violation
from .weather import CHOICES, REQUEST

DESCRIPTION = Path(__file__).parents[3] / "shared" / "corpus" / "openai-openapi.json"

pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason="shared/corpus/openai-openapi.json is not here")


def as_json_schema(schema: Any) -> Any:
    """What is meant: OpenAPI 3.0's `nullable` written out, and `oneOf`, whose alternatives overlap, as `anyOf`."""
    if isinstance(schema, list):
        return [as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {"anyOf" if key == "oneOf" else key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if schema.get("nullable") is True else rest


@pytest.fixture(scope="module")
def registry() -> referencing.Registry[Any]:
    document = as_json_schema(json.loads(DESCRIPTION.read_text()))
    return referencing.Registry().with_resource("urn:openai", DRAFT202012.create_resource(document))


def check(registry: referencing.Registry[Any], name: str, value: Any) -> None:
    validator = jsonschema.Draft202012Validator({"$ref": f"urn:openai#/components/schemas/{name}"}, registry=registry)
    validator.validate(value)


@pytest.mark.parametrize("kind", [*CHOICES, "none"])
@pytest.mark.parametrize("limit", [3, 3000])
def test_completions(served: Serving, registry: referencing.Registry[Any], kind: str, limit: int) -> None:
    body = {**REQUEST, "tool_choice": CHOICES.get(kind, "none"), "max_tokens": limit if kind != "none" else 30}
    check(registry, "CreateChatCompletionRequest", body)
    url = f"{served.url}/chat/completions"
    answer = httpx.post(url, json=body, timeout=120).json()
    check(registry, "CreateChatCompletionResponse", answer)
    assert answer["choices"][0]["logprobs"] is None
    assert answer["choices"][0]["message"]["refusal"] is None
    for usage in (True, False):
        streamed = httpx.post(url, json={**body, "stream": True, "stream_options": {"include_usage": usage}}, timeout=120)
        *events, done, rest = streamed.text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        for event in events:
            check(registry, "CreateChatCompletionStreamResponse", json.loads(event.removeprefix("data: ")))


def check_events(registry: referencing.Registry[Any], events: list[dict[str, Any]]) -> None:
    """Each against the description of its own type: that of all events would not say what is wrong."""
    schemas = json.loads(DESCRIPTION.read_text())["components"]["schemas"]
    names = [one["$ref"].rpartition("/")[2] for one in schemas["ResponseStreamEvent"]["anyOf"]]
    by_type = {schemas[name]["properties"]["type"]["enum"][0]: name for name in names}
    for event in events:
        check(registry, by_type[event["type"]], event)


@pytest.mark.parametrize("kind", REQUESTS)
def test_responses(served: Serving, registry: referencing.Registry[Any], kind: str) -> None:
    body = {"model": "gpt-4o", **REQUESTS[kind]}
    # The description wants 16 tokens at least; we take fewer.
    check(registry, "CreateResponse", {**body, "max_output_tokens": 16})
    with httpx.Client(base_url=served.url, timeout=120) as http:
        whole = http.post("/responses", json=body).json()
        check(registry, "Response", whole)
        check_events(registry, streamed(http, body).events)
        for item in http.get(f"/responses/{whole['id']}/input_items").json()["data"]:
            check(registry, "InputItem", item)


def test_every_field_of_a_request_for_a_response_has_a_meaning_or_is_refused() -> None:
    schemas = json.loads(DESCRIPTION.read_text())["components"]["schemas"]

    def fields(schema: dict[str, Any]) -> set[str]:
        if "$ref" in schema:
            return fields(schemas[schema["$ref"].rpartition("/")[2]])
        return set(schema.get("properties", {})).union(*map(fields, schema.get("allOf", [])))

    # These ask for speed, not for another answer.
    tolerated = {"prompt_cache_options", "prompt_cache_retention"}
    assert fields(schemas["CreateResponse"]) == {*ResponsesBody.model_fields, *NOT_SERVED, *tolerated}


def test_events_that_a_random_model_cannot_be_made_to_write(registry: referencing.Registry[Any]) -> None:
    told = heard(
        *(reasoning("hm"), content("x"), header(0), fragment(0, "{}"), end(0)),
        *(header(1, custom=True), fragment(1, "x"), end(1), violation(name="f", text="{}")),
        encrypt_reasoning=True,
    )
    check_events(registry, told.events)
    assert {event["type"].split(".")[1] for event in told.events} >= {"refusal", "reasoning_text", "custom_tool_call_input"}


@pytest.mark.parametrize("kind", ["named", "none"])
def test_choices_with_logprobs(served: Serving, registry: referencing.Registry[Any], kind: str) -> None:
    body = {**REQUEST, "tool_choice": CHOICES.get(kind, "none"), "max_tokens": 30, "n": 3, "logprobs": True}
    body |= {"top_logprobs": 2, "service_tier": "auto", "logit_bias": {"5": -100}, "seed": 1}
    check(registry, "CreateChatCompletionRequest", body)
    url = f"{served.url}/chat/completions"
    answer = httpx.post(url, json=body, timeout=120).json()
    check(registry, "CreateChatCompletionResponse", answer)
    assert len(answer["choices"]) == 3
    assert all(bool(choice["logprobs"]["content"]) == (kind == "none") for choice in answer["choices"])
    *events, _, _ = httpx.post(url, json={**body, "stream": True}, timeout=120).text.split("\n\n")
    for event in events:
        check(registry, "CreateChatCompletionStreamResponse", json.loads(event.removeprefix("data: ")))


def test_models(served: Serving, registry: referencing.Registry[Any]) -> None:
    check(registry, "ListModelsResponse", httpx.get(f"{served.url}/models").json())
    check(registry, "Model", httpx.get(f"{served.url}/models/gpt-4o").json())


def test_errors(served: Serving, registry: referencing.Registry[Any]) -> None:
    check(registry, "Error", httpx.post(f"{served.url}/chat/completions", json={}).json()["error"])
    check(registry, "Error", httpx.get(f"{served.url}/nothing").json()["error"])
