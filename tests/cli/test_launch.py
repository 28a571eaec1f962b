"""`promptweave launch` with a stub on PATH in place of each agent, which records its environment, arguments and files."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from promptweave.cli.agents.agent import Wire
from promptweave.cli.agents.table import AGENTS
from promptweave.cli.huggingface import fetch_model
from tests.support.cli.invoke import PROGRAM
from tests.support.serving import START_S, STOP_S, Serving, gone

STUB = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, time, urllib.request
from pathlib import Path

values = [*sys.argv[1:], *os.environ.values()]
files = [Path(value) for value in values if "/promptweave-" in value and Path(value).is_file()]
files += [path for value in values if "/promptweave-" in value and Path(value).is_dir() for path in Path(value).rglob("*")]
texts = {{path.name: path.read_text() for path in files if path.is_file()}}
record = {{"args": sys.argv[1:], "environment": dict(os.environ), "files": texts, "pid": os.getpid()}}
target = Path(os.environ["STUB_RECORD"])
target.with_suffix(".part").write_text(json.dumps(record))
target.with_suffix(".part").rename(target)
exec(os.environ.get("STUB_CODE", ""))
"""
ROWS = [(name, wire) for name, agent in AGENTS.items() for wire in agent.wires]


@dataclass(frozen=True)
class Stub:
    """A folder for PATH with a program for each agent, and the environment in which `launch` runs."""

    folder: Path
    temporary: Path
    """Where temporary files go."""
    environment: dict[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """What the stub saw."""
        seen: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        return seen

    def run(self, *args: str | Path, code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `promptweave launch` until it ends. The stub runs `code` once it has recorded what it saw."""
        return subprocess.run(
            [*PROGRAM, "launch", *map(str, args)],
            env={**self.environment, "STUB_CODE": code, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
            start_new_session=True,
        )

    @contextmanager
    def started(self, *args: str | Path, code: str) -> Iterator[subprocess.Popen[str]]:
        """Starts `promptweave launch`, and yields its process once the stub has recorded what it saw."""
        (self.folder / "record.json").unlink(missing_ok=True)
        with (self.folder / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                [*PROGRAM, "launch", *map(str, args)],
                env={**self.environment, "STUB_CODE": code},
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        try:
            end = time.monotonic() + START_S
            while not (self.folder / "record.json").exists():
                assert process.poll() is None, (self.folder / "stderr").read_text()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Stub]:
    for agent in AGENTS.values():
        path = tmp_path / agent.program
        path.write_text(STUB)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    home = tmp_path / "home"
    home.mkdir()
    # A short path: the engine's socket is in it.
    temporary = Path(tempfile.mkdtemp(prefix="launch"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTWEAVE_")}
    yield Stub(
        tmp_path,
        temporary,
        {
            **inherited,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "STUB_RECORD": str(tmp_path / "record.json"),
            "CLAUDE_CODE_USE_BEDROCK": "1",
        },
    )
    shutil.rmtree(temporary)


def root(served: Serving) -> str:
    return served.url.removesuffix("/v1")


def model_of(served: Serving) -> str:
    return str(httpx.get(f"{served.url}/models").json()["data"][0]["id"])


def variables_of_aider(stub: Stub) -> dict[str, str]:
    lines = (line.split("=", 1) for line in stub.record["files"]["env"].splitlines())
    return {name: json.loads(value) for name, value in lines}


# -- what an agent gets --


@pytest.mark.parametrize(("name", "wire"), ROWS, ids=[f"{name}-{wire}" for name, wire in ROWS])
def test_an_agent_is_told_the_server_and_nothing_of_the_users_is_touched(
    name: str, wire: Wire, served: Serving, stub: Stub
) -> None:
    done = stub.run("--url", root(served), "--api-key", "sk-test", "--wire", wire, name, "do", "--this now")
    assert done.returncode == 0, done.stderr
    assert stub.record["args"][-2:] == ["do", "--this now"]
    before = stub.environment
    changed = {each: value for each, value in stub.record["environment"].items() if before.get(each) != value}
    changed.pop("STUB_CODE")
    configuration = json.dumps([stub.record["args"], changed, stub.record["files"]]).replace("\\", "")
    assert root(served) in configuration
    assert "sk-test" in configuration
    assert model_of(served) in configuration
    # Cline has no setting for the context size of an unknown model.
    assert any(size in configuration for size in ("2048", "32768")) or name == "cline"
    assert [*(stub.folder / "home").rglob("*")] == []
    assert [*stub.temporary.rglob("*")] == []


def test_codex(served: Serving, stub: Stub) -> None:
    stub.run("--url", root(served), "codex", "exec", "hi")
    pairs = stub.record["args"][:-2]
    assert pairs[::2] == ["-c"] * (len(pairs) // 2)
    settings = dict(pair.split("=", 1) for pair in pairs[1::2])
    assert settings["model_providers.promptweave.base_url"] == f'"{served.url}"'
    assert settings["model_providers.promptweave.wire_api"] == '"responses"'
    assert settings["model"] == f'"{model_of(served)}"'
    assert stub.record["environment"][json.loads(settings["model_providers.promptweave.env_key"])] == "none"


def test_claude_uses_the_server_for_all_its_models(served: Serving, stub: Stub) -> None:
    assert stub.run("--url", served.url, "--api-key", "sk-test", "claude", "hi").returncode == 0
    environment = stub.record["environment"]
    assert environment["ANTHROPIC_BASE_URL"] == root(served)
    assert environment["ANTHROPIC_AUTH_TOKEN"] == "sk-test"
    models = {value for name, value in environment.items() if name.endswith("_MODEL")}
    assert models == {model_of(served)}
    assert environment["CLAUDE_CODE_USE_BEDROCK"] == ""
    # The variables in ~/.claude/settings.json override the environment, but not this file.
    settings = json.loads(stub.record["files"]["settings.json"])
    assert settings["env"].items() <= environment.items()
    assert (settings["model"], settings["apiKeyHelper"]) == (model_of(served), "")


def test_a_model_can_have_another_name(served: Serving, stub: Stub) -> None:
    stub.run("--url", root(served), "--model-id", "gpt-5.5", "codex")
    assert 'model="gpt-5.5"' in stub.record["args"]


def test_variables_set_options(served: Serving, stub: Stub) -> None:
    done = stub.run("aider", PROMPTWEAVE_URL=root(served), PROMPTWEAVE_API_KEY="first second")
    assert done.returncode == 0, done.stderr
    assert variables_of_aider(stub)["OPENAI_API_KEY"] == "first"
    assert variables_of_aider(stub)["OPENAI_API_BASE"] == root(served) + "/v1"


def test_a_server_is_reached_without_the_users_proxy(served: Serving, stub: Stub) -> None:
    stub.run("--url", root(served), "codex", HTTPS_PROXY="http://proxy:1", NO_PROXY="example.org")
    assert stub.record["environment"]["NO_PROXY"] == f"example.org,{httpx.URL(root(served)).host}"


# -- how it ends --


@pytest.mark.parametrize(
    ("code", "status"),
    [("sys.exit(0)", 0), ("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL)],
    ids=["success", "failure", "signal"],
)
def test_the_exit_code_is_the_agents(code: str, status: int, served: Serving, stub: Stub) -> None:
    assert stub.run("--url", root(served), "pi", code=code).returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_reach_the_agent(number: signal.Signals, served: Serving, stub: Stub) -> None:
    code = f"signal.signal({number}, lambda *_: sys.exit(42)); Path(os.environ['STUB_RECORD']).with_suffix('.on').touch(); "
    with stub.started("--url", root(served), "qwen", code=code + "time.sleep(60)") as process:
        while not (stub.folder / "record.on").exists():
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(STOP_S) == 42
    assert [*stub.temporary.rglob("*")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="it reads the states of processes in Linux's words")
def test_an_agent_that_stops_itself_stops_launch(served: Serving, stub: Stub) -> None:
    with stub.started("--url", root(served), "codex", code="os.kill(os.getpid(), signal.SIGSTOP); sys.exit(5)") as process:
        end = time.monotonic() + STOP_S
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        assert process.wait(STOP_S) == 5


# -- a server of its own --

ASKS_THE_SERVER = """
key = {"Authorization": "Bearer " + os.environ["ANTHROPIC_AUTH_TOKEN"]}
urllib.request.urlopen(urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/models", headers=key)).read()
"""


def test_a_server_is_started_and_ends_with_the_agent(demo_model: Path, stub: Stub) -> None:
    options = ("--model", demo_model, "--ctx-size", "20480", "--api-key", "sk-own", "--model-id", "mine")
    with stub.started(*options, "claude", code=ASKS_THE_SERVER + "time.sleep(1)") as process:
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) > 5
        assert process.wait(STOP_S) == 0
        assert gone(family)
    environment = stub.record["environment"]
    assert environment["ANTHROPIC_AUTH_TOKEN"] == "sk-own"
    assert environment["ANTHROPIC_MODEL"] == "mine"
    with pytest.raises(httpx.ConnectError):
        httpx.get(environment["ANTHROPIC_BASE_URL"])
    assert not [path for path in stub.temporary.iterdir() if path.name.startswith("promptweave-")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_server_ends_with_launch_however_that_ends(demo_model: Path, stub: Stub) -> None:
    with stub.started("--model", demo_model, "codex", code="time.sleep(60)") as process:
        agent = stub.record["pid"]
        servers = [each for each in psutil.Process(process.pid).children(recursive=True) if each.pid != agent]
        assert servers
        process.kill()
        assert gone(servers)
        os.kill(agent, signal.SIGKILL)


def test_a_server_that_does_not_start_is_one_line(tmp_path: Path, stub: Stub) -> None:
    (tmp_path / "no.gguf").write_text("hello")
    done = stub.run("--model", tmp_path / "no.gguf", "codex")
    assert done.returncode == 1
    assert "not a GGUF file" in done.stderr.splitlines()[-1]
    assert not (stub.folder / "record.json").exists()
    assert [*stub.temporary.iterdir()] == []


def test_a_small_context_is_reported(default_served: Serving, stub: Stub) -> None:
    if "max_model_len" not in httpx.get(f"{default_served.url}/models").json()["data"][0]:
        pytest.skip("this server does not report its context size")
    done = stub.run("--url", root(default_served), "codex")
    assert "too few for most agents" in done.stderr


# -- what cannot be done --


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        pytest.param(["--url", "http://127.0.0.1:1", "codex"], 1, "--url: no promptweave server responds", id="no-server"),
        pytest.param(["--url", "ftp://x", "codex"], 1, "--url: 'ftp://x' is not an http:// or https:// URL", id="url"),
        pytest.param(["--url", "http://a", "--model", "m", "codex"], 1, "--model: starts a new server", id="url-and-model"),
        pytest.param(["--model", "m", "--hf-repo", "r", "codex"], 1, "--model and --hf-repo exclude", id="two-models"),
        pytest.param(["--model", "m", "--hf-file", "f", "codex"], 1, "--hf-file: requires --hf-repo", id="hf-file"),
        pytest.param(["--wire", "chat", "claude"], 1, "--wire: Claude Code cannot call chat; use messages", id="wire"),
        pytest.param(["nothing"], 2, "'nothing' is not one of 'codex', 'claude'", id="agent"),
        pytest.param([], 2, "Missing argument 'AGENT'; choose one of codex, claude", id="nothing"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(args: list[str], code: int, message: str, stub: Stub) -> None:
    done = stub.run(*args)
    assert done.returncode == code
    assert message in done.stderr
    assert not (stub.folder / "record.json").exists()


def test_a_program_that_is_missing(stub: Stub) -> None:
    (stub.folder / "cn").unlink()
    done = stub.run("continue", PATH=str(stub.folder))
    assert done.returncode == 127
    assert done.stderr == (
        "promptweave launch: continue: the program 'cn' is not on PATH; install it with `npm install -g @continuedev/cli`\n"
    )


def test_a_model_that_the_server_does_not_have(served: Serving, stub: Stub) -> None:
    done = stub.run("--url", root(served), "--model-id", "nothing", "codex")
    assert (done.returncode, "has no model 'nothing'" in done.stderr) == (1, True)


def test_a_key_that_the_server_rejects(demo_model: Path, stub: Stub) -> None:
    from tests.support.serving import serving

    with serving("--model", str(demo_model), "--ctx-size", "512", "--api-key", "right") as own:
        done = stub.run("--url", root(own), "--api-key", "wrong", "codex")
        assert (done.returncode, "--api-key:" in done.stderr) == (1, True)
        assert stub.run("--url", root(own), "--api-key", "right", "codex").returncode == 0


# -- --print and --list --


@pytest.mark.parametrize(("name", "wire"), ROWS, ids=[f"{name}-{wire}" for name, wire in ROWS])
def test_what_is_printed_does_the_same(name: str, wire: Wire, served: Serving, stub: Stub) -> None:
    options = ("--url", root(served), "--api-key", "sk-test", "--wire", wire)
    printed = stub.run(*options, "--print", name, "it's", "done")
    assert printed.returncode == 0, printed.stderr
    assert not (stub.folder / "record.json").exists()
    subprocess.run(["bash", "-e"], input=printed.stdout, text=True, env=stub.environment, check=True)
    by_hand = stub.record
    assert stub.run(*options, name, "it's", "done").returncode == 0
    launched = stub.record
    assert len(by_hand["args"]) == len(launched["args"])
    different = [pair for pair in zip(by_hand["args"], launched["args"], strict=True) if len(set(pair)) > 1]
    assert all("/promptweave-" in each for pair in different for each in pair)
    assert {key: text.strip() for key, text in by_hand["files"].items()} == {
        key: text.strip() for key, text in launched["files"].items()
    }


def test_without_a_server_the_printed_values_are_examples(stub: Stub) -> None:
    done = stub.run("codex", "--print", "exec", PROMPTWEAVE_URL="")
    assert done.returncode == 0
    assert "codex -c" in done.stdout
    assert done.stdout.rstrip().endswith("exec")


def test_agents_with_an_option_print_of_their_own_get_it(served: Serving, stub: Stub) -> None:
    assert stub.run("--url", root(served), "claude", "--print", "hi").returncode == 0
    assert stub.record["args"][-2:] == ["--print", "hi"]


def test_the_list(stub: Stub) -> None:
    (stub.folder / "pi").unlink()
    done = stub.run("--list", PATH=str(stub.folder))
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*AGENTS]
    assert str(stub.folder / "codex") in done.stdout.splitlines()[0]
    assert "not installed: npm install -g @earendil-works/pi-coding-agent" in done.stdout


# -- a model of a hub --


def test_a_repository_is_downloaded_before_the_server_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from promptweave.cli.agents import serve_options

    assert serve_options.fetch_model is fetch_model
    monkeypatch.setattr(serve_options, "fetch_model", lambda repo, file: tmp_path / f"{repo}-{file}.gguf")
    given = {"model": None, "hf_repo": "repo", "hf_file": "file", "endpoints": (), "ctx_size": 9, "model_id": None}
    assert serve_options.to_serve(given, {"hf_repo"}) == ["--model", str(tmp_path / "repo-file.gguf"), "--ctx-size", "9"]
    # The command line precedes the environment.
    both = {**given, "hf_file": None, "endpoints": ("http://a", "http://b")}
    assert serve_options.to_serve(both, {"endpoints"})[:4] == ["--endpoint", "http://a", "--endpoint", "http://b"]
