"""The examples, run as their README says, against a real engine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..serving import Serving

EXAMPLES = Path(__file__).parents[2] / "examples"


def check(output: str) -> None:
    *calls, reason = output.splitlines()
    assert reason == "FINISH_REASON_TOOL_CALLS"
    assert calls
    for line in calls:
        call = json.loads(line)
        arguments = json.loads(call["arguments"])
        assert call["name"] == "get_current_weather"
        assert isinstance(arguments["location"], str)
        assert arguments["format"] in ("celsius", "fahrenheit")


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(served: Serving) -> None:
    check(run(sys.executable, str(EXAMPLES / "python" / "client.py"), served.compiler, served.inference))


def test_the_readmes_client(served: Serving) -> None:
    source = (EXAMPLES.parent / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert "grpc.insecure_channel" in source
    source = source.replace("127.0.0.1:50051", served.compiler).replace("127.0.0.1:50052", served.inference)
    assert "weather" in run(sys.executable, "-c", source)


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node and npm are not here")
def test_node(served: Serving, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    if installed.returncode:
        pytest.skip(f"npm cannot install @grpc/grpc-js here: {installed.stderr.strip().splitlines()[-1:]}")
    protos = {"PROMPTWEAVE_PROTOS": str(EXAMPLES.parent / "proto")}
    command = ["env", *(f"{name}={value}" for name, value in protos.items()), "node", "client.mjs"]
    check(run(*command, served.compiler, served.inference, cwd=folder))
