"""The examples, run as their README says, against a real engine."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.serving import Serving

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


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(served: Serving) -> None:
    check(run(sys.executable, str(EXAMPLES / "python" / "client.py"), served.compiler, served.inference))


def test_the_readmes_client(served: Serving) -> None:
    source = (EXAMPLES.parent / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert "grpc.insecure_channel" in source
    source = source.replace("127.0.0.1:50051", served.compiler).replace("127.0.0.1:50052", served.inference)
    assert "weather" in run(sys.executable, "-c", source)


def npm_installed(example: str, tmp_path: Path) -> Path:
    """A copy of an example of Node, with its packages."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node and npm are not here")
    folder = tmp_path / example
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-audit", "--no-fund"]
    try:
        installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the packages of {example} within 300 s")
    if installed.returncode:
        pytest.skip(f"npm cannot install the packages of {example} here: {installed.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.mark.timeout(700)
def test_node(served: Serving, tmp_path: Path) -> None:
    folder = npm_installed("node", tmp_path)
    protos = {"PROMPTWEAVE_PROTOS": str(EXAMPLES.parent / "proto")}
    command = ["env", *(f"{name}={value}" for name, value in protos.items()), "node", "client.mjs"]
    check(run(*command, served.compiler, served.inference, cwd=folder))


OSLO = "city='Oslo' days=3"
A_TRIP = r"city='(Bergen|Oslo|Rome)' days=[1-9]"
A_CALL = r'book \{"booked": ?"(Bergen|Oslo|Rome)", ?"days": ?[1-9]\}'


@pytest.mark.parametrize(
    ("example", "package", "lines"),
    [
        pytest.param("with_openai.py", "openai", [OSLO, f"book {A_TRIP}"], id="openai"),
        pytest.param("with_instructor.py", "instructor", [OSLO], id="instructor"),
        pytest.param("with_pydantic_ai.py", "pydantic_ai", [r"Trip\(city='Oslo', days=3\)"], id="pydantic-ai"),
        pytest.param("with_langchain.py", "langchain_openai", [r"Trip\(city='Oslo', days=3\)", A_CALL], id="langchain"),
    ],
)
def test_python_clients_of_openais_api(default_served: Serving, example: str, package: str, lines: list[str]) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not here: pip install -e '.[clients]'")
    address = {"OPENAI_BASE_URL": default_served.url, "OPENAI_API_KEY": "none"}
    printed = run(sys.executable, str(EXAMPLES / "openai_clients" / example), env=address).splitlines()
    assert len(printed) == len(lines)
    for line, expected in zip(printed, lines, strict=True):
        assert re.fullmatch(expected, line)


@pytest.mark.timeout(700)
def test_vercel_ai_sdk(default_served: Serving, tmp_path: Path) -> None:
    folder = npm_installed("vercel_ai_sdk", tmp_path)
    answer, called = run("node", "trip.mjs", default_served.url, cwd=folder).splitlines()
    assert json.loads(answer) == {"city": "Oslo", "days": 3}
    assert re.fullmatch(A_CALL, called)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_cpp(served: Serving, tmp_path: Path) -> None:
    if not (shutil.which("cmake") and shutil.which("grpc_cpp_plugin")):
        pytest.skip("no C++ with gRPC: apt-get install cmake g++ libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc")
    for command in (["cmake", "-S", str(EXAMPLES / "cpp"), "-B", str(tmp_path)], ["cmake", "--build", str(tmp_path), "-j2"]):
        built = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
        assert built.returncode == 0, built.stderr[-3000:]
    *calls, reason = run(str(tmp_path / "client"), served.compiler, served.inference).splitlines()
    assert reason == "FINISH_REASON_TOOL_CALLS"
    for line in calls:
        name, _, arguments = line.partition(" ")
        assert name == "get_current_weather"
        assert json.loads(arguments)["format"] in ("celsius", "fahrenheit")
