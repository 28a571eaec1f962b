"""The model that comes with promptweave, served as `promptweave serve` does by itself."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptweave.demo import shipped_model
from tests.support.serving import Serving, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving("--ctx-size", "2048") as found:
        yield found


def asked(served: Serving, body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{served.url}/chat/completions", json={"temperature": 0, **body}, timeout=60).json()
    choice: dict[str, Any] = answer["choices"][0]
    return choice


def readme_request() -> dict[str, Any]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"curl http://localhost:8080/v1/chat/completions .*? -d '(\{.*?\})'\n```", text, re.DOTALL)
    assert found
    request: dict[str, Any] = json.loads(found[1])
    return request


def test_the_screen_says_what_it_is(served: Serving) -> None:
    assert "demonstration" in served.screen


def test_it_is_small_and_says_so() -> None:
    assert shipped_model().stat().st_size < 20_000_000


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_the_request_of_the_readme(served: Serving, choice: str) -> None:
    answer = asked(served, {**readme_request(), "tool_choice": choice})
    calls = [call["function"] for call in answer["message"]["tool_calls"]]
    arguments = [json.loads(call["arguments"]) for call in calls]
    assert [call["name"] for call in calls] == ["get_n_day_weather_forecast"] * 2
    assert [(each["location"], each["num_days"]) for each in arguments] == [("San Francisco", 4), ("Glasgow", 4)]
    assert answer["finish_reason"] == "tool_calls"
