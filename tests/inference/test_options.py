"""Options that contradict each other, and where the engine is found."""

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from promptweave.inference.engine import discovery
from promptweave.inference.engine.discovery import EngineProgram, find_engine
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process.launcher import Order, command

MODEL, URL = Path("a.gguf"), "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({}, "exactly one of --model, --hf-repo or --endpoint is required", id="nothing"),
        pytest.param(
            {"model": MODEL, "endpoints": (URL,)}, "exactly one of --model, --hf-repo or --endpoint is required", id="both"
        ),
        pytest.param({"endpoints": ("127.0.0.1:8080",)}, "is not an http:// or https:// URL", id="no-scheme"),
        pytest.param({"endpoints": ("http://",)}, "is not an http:// or https:// URL", id="no-host"),
        pytest.param({"endpoints": ("http://[::1",)}, "is not an http:// or https:// URL", id="half-a-host"),
        pytest.param({"endpoints": ("http://host:port",)}, "is not an http:// or https:// URL", id="no-port"),
        pytest.param({"endpoints": ("http://host:99999",)}, "is not an http:// or https:// URL", id="high-port"),
        pytest.param({"endpoints": (URL,), "engine": "x"}, "cannot be combined with --endpoint", id="engine"),
        pytest.param({"endpoints": (URL,), "engine_args": ("-x",)}, "cannot be combined with --endpoint", id="engine-args"),
        pytest.param({"model": MODEL, "parallel": 0}, "--parallel is 0; it must be at least 1", id="parallel"),
        pytest.param({"model": MODEL, "ctx_size": 0}, "--ctx-size is 0; it must be at least 1", id="context"),
        pytest.param({"model": MODEL, "max_waiting": -1}, "--max-queue is -1; it must be at least 0", id="waiting"),
    ],
)
def test_contradictions(given: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError, match=message):
        InferenceOptions(**given)


@pytest.mark.parametrize("url", ["http://host", "https://host:443/base/", "http://[::1]:8080", "http://127.0.0.1:1"])
def test_endpoints(url: str) -> None:
    endpoints(InferenceOptions(endpoints=(url,)))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any engine."""
    monkeypatch.delenv(discovery.ENGINE_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(discovery, "find_spec", lambda name: None)


def program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.usefixtures("elsewhere")
def test_the_order_in_which_an_engine_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match=r"pip install '\.\[engine\]'"):
        find_engine(None)
    monkeypatch.setattr(discovery, "find_spec", lambda name: object())
    assert find_engine(None) == EngineProgram(None, f"xllamacpp {metadata.version('xllamacpp')}")
    on_path = program(tmp_path / "bin", "llama-server")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_engine(None) == EngineProgram(on_path, "")
    by_variable = program(tmp_path, "by-variable")
    monkeypatch.setenv(discovery.ENGINE_VARIABLE, by_variable)
    assert find_engine(None) == EngineProgram(by_variable, "")
    named = program(tmp_path, "named")
    assert find_engine(named, ("--any",)) == EngineProgram(named, "")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("by_variable", [True, False], ids=["variable", "option"])
def test_a_named_engine_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool) -> None:
    (tmp_path / "text").write_text("no program")
    named = str(tmp_path / "text")
    if by_variable:
        monkeypatch.setenv(discovery.ENGINE_VARIABLE, named)
    origin = r"\$PROMPTWEAVE_ENGINE" if by_variable else "--engine"
    with pytest.raises(StartError, match=f"^{origin}: {named} is not an executable program"):
        find_engine(None if by_variable else named)


@pytest.mark.usefixtures("elsewhere")
def test_the_wheel_takes_no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "find_spec", lambda name: object())
    with pytest.raises(StartError, match="require a llama-server binary"):
        find_engine(None, ("--flash-attn",))


@pytest.mark.parametrize("size", [None, 1024])
def test_the_command_line_of_a_binary(size: int | None) -> None:
    order = Order(os.getpid(), "/bin/ls", "/m.gguf", "/s.sock", "secret", 4, size, None, ("--temp", "0"))
    argv = command(order)
    assert argv[0] == "/bin/ls"
    assert argv[-2:] == ["--temp", "0"]
    assert ("--ctx-size" in argv) == (size is not None)
    assert "--special" in argv
    assert "secret" not in argv
