"""What the facade tells of a prompt, a template, an output and an answer's tokens; and the page at `/`."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from promptweave.facade.app import create_app
from promptweave.facade.options import FacadeOptions
from tests.support.facade.weather_request import REQUEST
from tests.support.serving import Serving

TEMPLATE = "{% for message in messages %}[{{ message.role }}] {{ message.content }}{% endfor %}"
ASKED = {**REQUEST, "tool_choice": "required", "max_tokens": 40, "seed": 5, "explain": True}


def post(served: Serving, path: str, body: Any) -> Any:
    return httpx.post(served.url.removesuffix("/v1") + path, json=body, timeout=60).json()


def test_a_prompt_is_explained(served: Serving) -> None:
    compiled = post(served, "/apply-template", {**REQUEST, "explain": True})
    told = compiled.pop("explanation")
    assert compiled == post(served, "/apply-template", REQUEST)
    assert "".join(part["text"] for part in told["parts"]) == compiled["prompt"]
    said = {part["path"]: part["text"] for part in told["parts"]}
    last = len(REQUEST["messages"]) - 1
    assert said[f"/messages/{last}/content"] == REQUEST["messages"][last]["content"]
    assert said["/tools/0/function"] in told["tools"]["json"] or json.loads(said["/tools/0/function"])
    assert told["rules"]["value"] == "/tools/0/function/parameters"


def test_a_template_comes_along(served: Serving) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "template": TEMPLATE}
    assert post(served, "/apply-template", body)["prompt"] == "[user] hi"
    found = post(served, "/describe-template", {"template": TEMPLATE})
    assert (found["profile"]["style"], found["template"]) == ("generic", TEMPLATE)
    own = post(served, "/describe-template", {})
    assert (own["profile"]["style"], own["eos_token"]) == ("native", "<|im_end|>")
    assert "cannot be parsed" in post(served, "/describe-template", {"template": "{% for %}"})["error"]["message"]


def test_an_output_is_read(served: Serving) -> None:
    syntax = post(served, "/apply-template", REQUEST)["syntax"]
    call = (
        '<tool_call>\n{"name": "get_current_weather", "arguments": {"location": "Oslo", "format": "celsius"}}\n</tool_call>'
    )
    read = post(served, "/parse", {"syntax": syntax, "text": call})
    assert read["message"]["tool_calls"][0]["function"]["name"] == "get_current_weather"
    assert (read["finish_reason"], read["complete"]) == ("tool_calls", True)
    cut = post(served, "/parse", {"syntax": syntax, "text": call[:60], "finished": False})
    assert (cut["finish_reason"], cut["message"]["tool_calls"][0]["complete"]) == ("length", False)
    assert post(served, "/parse", {"syntax": {"root": 5}, "text": ""})["error"]["param"] == "syntax"


def test_every_token_of_an_answer_is_told_whole_and_streamed(served: Serving) -> None:
    whole = post(served, "/v1/chat/completions", {**ASKED, "top_logprobs": 2})["choices"][0]
    assert all(len(token["top_logprobs"]) == 2 for token in whole["tokens"])
    assert whole["logprobs"] is None
    assert {"tool_call", "tool_arguments"} & {token["region"] for token in whole["tokens"]}
    assert whole["timings"]["predicted_n"] == 40
    lines = httpx.post(f"{served.url}/chat/completions", json={**ASKED, "stream": True}, timeout=60).text.splitlines()
    chunks = [json.loads(line[6:])["choices"][0] for line in lines if line.startswith("data: {")]
    streamed = [token["token"] for chunk in chunks for token in chunk.get("tokens", ())]
    assert streamed == [token["token"] for token in whole["tokens"]]
    assert [chunk["timings"]["predicted_n"] for chunk in chunks if "timings" in chunk] == [40]
    assert not any(chunk["logprobs"] for chunk in chunks)
    plain = post(served, "/v1/chat/completions", {**ASKED, "explain": False})["choices"][0]
    assert not {"tokens", "timings"} & plain.keys()


@pytest.mark.anyio
@pytest.mark.parametrize(("explorer", "status"), [(True, 200), (False, 401)])
async def test_the_page_needs_no_key_and_may_be_left_out(explorer: bool, status: int) -> None:
    app = create_app(FacadeOptions(api_keys=("k",), explorer=explorer), asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://facade") as client:
        for path in ("/", "/explorer/app.js"):
            answer = await client.get(path)
            assert answer.status_code == status
            assert "unsafe" not in answer.headers["content-security-policy"]
            head = await client.head(path)
            assert (head.status_code, head.content) == (status, b"")
        assert (await client.get("/v1/models")).status_code == 401
