"""The README's request, and checks of its response."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

README = Path(__file__).parents[3] / "README.md"


def readme_request() -> dict[str, Any]:
    """The body of the README's curl."""
    found = re.search(r"curl \S+ -H \"Content-Type: application/json\" -d '(\{.*?\})'\n```", README.read_text(), re.DOTALL)
    assert found
    body: dict[str, Any] = json.loads(found[1])
    return body


REQUEST = readme_request()
SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in REQUEST["tools"]}
CHOICES: dict[str, Any] = {
    "auto": "auto",
    "required": "required",
    "named": {"type": "function", "function": {"name": "get_n_day_weather_forecast"}},
}


def check_choice(choice: dict[str, Any], kind: str) -> None:
    """Asserts what is promised of a choice of a completion."""
    message, reason = choice["message"], choice["finish_reason"]
    calls = message.get("tool_calls") or []
    assert reason in ("stop", "tool_calls", "length")
    if reason == "length":
        calls = calls[:-1]
    else:
        assert (reason == "tool_calls") == bool(calls)
        assert calls or kind == "auto"
    for call in calls:
        jsonschema.validate(json.loads(call["function"]["arguments"]), SCHEMAS[call["function"]["name"]])
        assert kind != "named" or call["function"]["name"] == "get_n_day_weather_forecast"
    if kind != "auto":
        assert message["content"] is None or (not message["content"] and reason == "length")
