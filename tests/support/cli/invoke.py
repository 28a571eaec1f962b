"""Runs `promptweave` commands, in this process or in a child process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from promptweave.cli.main import main

TEMPLATES = Path(__file__).parents[2] / "compiler" / "templates"
PROGRAM = [sys.executable, "-m", "promptweave.cli.main"]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city"],
        },
    },
}
REQUEST: dict[str, Any] = {
    "model": "any",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How is the weather in Zürich?"}],
    "tools": [WEATHER],
}


def run(*args: str | Path, stdin: Any = "", env: dict[str, str] | None = None) -> Result:
    """Runs a command in this process. What is not text goes in as JSON."""
    given = stdin if isinstance(stdin, str | bytes) else json.dumps(stdin, ensure_ascii=False)
    return CliRunner().invoke(main, [str(arg) for arg in args], input=given, env=env, catch_exceptions=False)


def lines(*documents: Any) -> str:
    """One a line; texts as they are."""
    return "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in documents)


def answers(result: Result) -> list[Any]:
    """What a command with `--jsonl` printed."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def tagged() -> list[str | Path]:
    """Options that name a template with a syntax of its own."""
    return ["--template", TEMPLATES / "tagged.jinja", "--bos", "<s>", "--eos", "</s>"]


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a bash script in which `$promptweave` is the program."""
    env = {**os.environ, "promptweave": " ".join(PROGRAM), **variables}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env, timeout=60, check=False)
