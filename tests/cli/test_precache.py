"""Long prompts are evaluated once: `promptweave precache`, and `serve --precache`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.serving import COMMAND, Serving, serving

TOOL = {"type": "function", "function": {"name": "get", "parameters": {"properties": {"a": {"type": "string"}}}}}
SYSTEM: dict[str, Any] = {"messages": [{"role": "system", "content": "Never mind. " * 40}], "tools": [TOOL]}
DOCUMENT: dict[str, Any] = {"messages": [{"role": "user", "content": "Once upon a time. " * 40}]}


def evaluated(served: Serving, body: dict[str, Any]) -> int:
    """How many tokens of the prompt were not there."""
    response = httpx.post(f"{served.url}/chat/completions", json={**body, "max_tokens": 1}, timeout=60)
    usage = response.json()["usage"]
    return int(usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"])


def test_prompts_are_there_at_each_start(demo_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text("\n".join(map(json.dumps, (SYSTEM, DOCUMENT))))
    asked = {**SYSTEM, "messages": [*SYSTEM["messages"], {"role": "user", "content": "what now?"}]}
    for start in ("first", "second"):
        with serving("--model", str(demo_model), "--session-dir", str(tmp_path / "kept"), "--precache", str(file)) as served:
            assert evaluated(served, asked) < 60, start
            assert evaluated(served, DOCUMENT) <= 1, start


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", ":2: not JSON"),
        ("[]", ":2: a chat request must be a JSON object"),
        ('{"messages": 3}', ":2: /messages"),
        ('{"messages": [], "tools": [{"type": "function"}]}', ":2: /tools/0"),
    ],
)
def test_a_line_that_cannot_be_compiled_is_named(served: Serving, tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps(DOCUMENT) + "\n" + line)
    where = ("--compiler", served.compiler, "--inference", served.inference)
    done = subprocess.run([*COMMAND, "precache", str(file), *where], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{file}{why}" in done.stderr


def test_services_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps(DOCUMENT))
    where = ("--compiler", "127.0.0.1:1", "--inference", "127.0.0.1:1")
    for name, why in ((file, "promptweave precache: "), (tmp_path / "nothing", "No such file")):
        done = subprocess.run([*COMMAND, "precache", str(name), *where], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert why in done.stderr
