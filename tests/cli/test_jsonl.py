"""`--jsonl` over real pipes: a driver that writes a line and waits for its answer, as scripts do."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.cli.invoke import PROGRAM, REQUEST, tagged

Ask = Callable[[Any], Any]


@contextmanager
def driver(*args: object) -> Iterator[Ask]:
    """A command that is asked line by line, and ends well when its stdin does."""
    with subprocess.Popen([*PROGRAM, *map(str, args)], stdin=-1, stdout=-1, stderr=-1) as process:
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        assert stdin
        assert stdout
        assert stderr

        def ask(question: Any) -> Any:
            stdin.write((question if isinstance(question, bytes) else json.dumps(question).encode()) + b"\n")
            stdin.flush()
            return json.loads(stdout.readline())

        yield ask
        stdin.close()
        assert (stdout.read(), stderr.read(), process.wait(20)) == (b"", b"", 0)


def test_compile_and_parse_answer_at_once() -> None:
    with driver("compile", "--jsonl", *tagged()) as compile_, driver("parse", "--jsonl") as parse:
        for city in ("Rome", "Zürich", "東京"):
            messages = [{"role": "user", "content": f"{city}?"}]
            compiled = compile_({**REQUEST, "messages": messages, "tool_choice": "required"})["result"]
            assert f"{city}?" in compiled["prompt"]
            text = f'<call>\n{{"name": "get_weather", "arguments": {{"city": "{city}"}}}}\n</call>'
            text = text.removeprefix(compiled["syntax"].get("prefix", ""))
            message = parse({"compiled": compiled, "text": text, "finished": True})["result"]["message"]
            assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": city}


@pytest.mark.parametrize("command", ["compile", "parse", "schema"])
def test_a_bad_line_is_answered_and_the_next_one_too(command: str) -> None:
    with driver(command, "--jsonl") as ask:
        for bad in (b"{", b"\xff\xfe", b"null", b"3", b'{"schema": 3}', b"\x00", b"[" * 5000, b"1" * 5000):
            error = ask(bad)["error"]
            assert set(error) == {"reason", "message", "path"}
            assert error["reason"].startswith("ERROR_REASON_")
            assert error["reason"] != "ERROR_REASON_INTERNAL"
