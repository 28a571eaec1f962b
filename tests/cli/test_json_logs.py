"""`--log-format json`: every line of every process is an object, and tells of nobody's prompt."""

import json
import re
import subprocess
import threading
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.cli.invoke import REQUEST
from tests.support.cli.readiness import TIMEOUT_S, until_ready
from tests.support.serving import COMMAND, FREE_PORTS, START_S, running

LISTENING = r'"address": "(.*?)"'
SECRETS = ("Xylophon", "secret_tool", "Quagga")
"""Words of a prompt, a tool and an answer."""


def objects(text: str) -> list[dict[str, Any]]:
    """The lines, each of which has what every line has."""
    read = [json.loads(line) for line in text.splitlines()]
    for line in read:
        assert datetime.fromisoformat(line["time"]).tzinfo
        assert {"level", "service", "logger", "message"} <= line.keys()
    return read


def request() -> dict[str, Any]:
    function = {"name": "secret_tool", "parameters": {"properties": {"of": {"enum": ["Quagga"]}}, "required": ["of"]}}
    tool = {"type": "function", "function": function}
    return {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Xylophon"}],
        "tools": [tool],
        "tool_choice": "required",
    }


def of(lines: list[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("request_id") == request_id]


def test_three_services(demo_model: Path, tmp_path: Path) -> None:
    said: dict[str, str] = {}
    processes: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:

        def started(role: str, *arguments: str) -> str:
            stderr = stack.enter_context(open(tmp_path / role, "w"))
            command = running(
                *(role, "--log-format", "json", *arguments),
                until=LISTENING,
                env={"PROMPTWEAVE_LOG_LEVEL": "debug"},
                stderr=stderr,
            )
            processes[role], said[role] = stack.enter_context(command)
            found = re.search(LISTENING, said[role])
            assert found
            return found[1]

        compiler = started("compiler", "--listen", "127.0.0.1:0")
        inference = started("inference", "--listen", "127.0.0.1:0", "--model", str(demo_model))
        url = f"http://{started('facade', '--port', '0', '--compiler', compiler, '--inference', inference)}"
        until_ready(url)
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            answer = client.post("/v1/chat/completions", json=request())
            assert "Quagga" in answer.text
            body = request() | {"messages": [{"role": "user", "content": {"Xylophon": 1}}]}
            refused = client.post("/v1/chat/completions", json=body)
            assert refused.status_code == 400
            failed = _with_a_worker_that_dies(processes["compiler"].pid, client)
            assert failed.status_code == 500
            (engine,) = psutil.Process(processes["inference"].pid).children()
            engine.kill()
            until_ready(url)
    logs = {role: objects(text + (tmp_path / role).read_text()) for role, text in said.items()}
    everything = json.dumps(logs)
    assert not [secret for secret in SECRETS if secret in everything]
    assert all(line["service"] == role for role, lines in logs.items() for line in lines)

    (access,) = of(logs["facade"], answer.headers["x-request-id"])
    assert {key: access[key] for key in ("method", "path", "status")} == {
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
    }
    calls = [line["grpc_method"] for line in of(logs["inference"], answer.headers["x-request-id"]) if "grpc_method" in line]
    assert "Generate" in calls
    assert [line["grpc_code"] for line in of(logs["compiler"], answer.headers["x-request-id"])] == ["OK"]
    assert [line["status"] for line in of(logs["facade"], refused.headers["x-request-id"])] == [400]

    # A traceback is inside of its object, and the request's id leads to it.
    exceptions = [line["exception"] for line in of(logs["compiler"], failed.headers["x-request-id"]) if "exception" in line]
    assert [("Traceback" in text, "a worker died" in text) for text in exceptions] == [(True, True)]

    # The engine's own lines, and what is said of its end.
    assert [line for line in logs["inference"] if line["logger"] == "promptweave.engine"]
    assert [line for line in logs["inference"] if line["level"] == "error" and "exited" in line["message"]]


def _with_a_worker_that_dies(compiler: int, client: httpx.Client) -> httpx.Response:
    """The answer to a request during whose compilation that happens."""
    workers = psutil.Process(compiler).children()
    for worker in workers:
        worker.suspend()
    answers: list[httpx.Response] = []
    body = request() | {"seed": 1, "messages": [{"role": "user", "content": "Nobody has asked this before."}]}
    asking = threading.Thread(target=lambda: answers.append(client.post("/v1/chat/completions", json=body)))
    asking.start()
    time.sleep(2)
    for worker in workers:
        worker.kill()
    asking.join()
    return answers[0]


def test_serve(demo_model: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"messages": REQUEST["messages"]}) + "\n")
    arguments = ("--model", str(demo_model), "--precache", str(prompts), "--session-dir", str(tmp_path / "sessions"))
    env = {"PROMPTWEAVE_LOG_FORMAT": "json", "PROMPTWEAVE_LOG_LEVEL": "info"}
    with (
        open(tmp_path / "stderr", "w") as stderr,
        running("serve", *FREE_PORTS, *arguments, until='"ready"', env=env, stderr=stderr) as (_, said),
    ):
        (ready,) = objects(said)
        assert httpx.get(f"{ready['openai_api']}/models").status_code == 200
        assert ready["asks_for_keys"] is False
    lines = objects((tmp_path / "stderr").read_text())
    assert {"compiler", "inference", "facade", "precache"} <= {line["service"] for line in lines}
    assert [line["path"] for line in lines if line["logger"].endswith("access")].count("/v1/models") >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("serve", *FREE_PORTS, "--model", "/nowhere/model.gguf"), id="serve"),
        pytest.param(("compiler", "--listen", "nowhere"), id="compiler"),
        pytest.param(("inference", "--model", "/nowhere/model.gguf"), id="inference"),
        pytest.param(("facade", "--port", "0", "--tls-cert", "/nowhere"), id="facade"),
    ],
)
def test_why_it_does_not_start(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments, "--log-format", "json"], capture_output=True, text=True, timeout=START_S, check=False
    )
    assert done.returncode == 1
    assert objects(done.stderr)[-1]["level"] == "error"
