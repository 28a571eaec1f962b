"""Real agents and frameworks, unmodified, each of which does a task with a real server: edit, run, fix.

    pytest -m slow tests/agents        installs what is not there: see tests/support/agents/lab.py

The model is tiny and random, and each turn is made to follow a script (tests/support/agents/script.py), so this is about the
protocol: that no request is refused, and that the client understands each answer. A client has a home of its own, and a
network with nothing but loopback.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import httpx
import pytest

from promptweave.demo import model as random_model
from promptweave.demo import shipped_model
from tests.support.agents import clients
from tests.support.agents.clients import AGENT_RUNS, FRAMEWORKS, AgentRun, Framework
from tests.support.agents.lab import Lab, UnavailableError
from tests.support.agents.loopback import isolated, why_not
from tests.support.agents.proxy import ScriptedProxy
from tests.support.agents.script import DONE, Script
from tests.support.serving import COMMAND, Serving, serving

CONTEXT = 131_072
"""In tokens. The prompts have up to 40,000 with this small vocabulary, and agents compact a conversation early."""
CLIENT_S = 600.0
PORT = 8080
PROGRAMS = Path(__file__).parent / "programs"

pytestmark = [pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", autouse=True)
def own_network() -> None:
    """Skips the tests where a client cannot be cut off from other hosts."""
    if reason := why_not():
        pytest.skip(f"no network of its own can be made here: {reason}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server whose model has random weights, and is small and has many words: the clients' prompts are long."""
    folder = tmp_path_factory.mktemp("agents")
    with mock.patch.multiple(random_model, CONTEXT=CONTEXT, LAYERS=1):
        random_model.write_demo_model(folder / "random.gguf", vocab=shipped_model())
    options = ("--ctx-size", str(CONTEXT), "--parallel", "2", "--session-dir", str(folder / "sessions"))
    with serving("--model", str(folder / "random.gguf"), *options) as running:
        yield running


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab.default()


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    status: int | None
    """The exit code; None: it took too long."""
    output: str
    proxy: ScriptedProxy
    work: Path

    def check(self) -> None:
        """Fails unless the client did its task, without a request that was refused."""
        said = "\n".join(["", *map(str, self.proxy.refused), "--", self.output[-1500:]])
        assert not self.proxy.refused, said
        assert self.status == 0, said
        steps = [exchange.step for exchange in self.proxy.exchanges if exchange.is_turn]
        calls = self.proxy.script.calls
        assert len(steps) >= len(calls) + (not (calls and calls[-1].ends_the_task)), (steps, said)
        result = self.work / "result.txt"
        assert result.is_file(), (steps, said)
        assert result.read_text() == "fixed\n", (steps, said)


@dataclass(frozen=True)
class Room:
    """Where a client runs: a folder to work in, a home, and a short path for sockets and temporary files."""

    work: Path
    home: Path
    temporary: Path
    captures: Path

    def environment(self, *programs: Path) -> dict[str, str]:
        """The environment of a client, with the folders of its programs."""
        path = [*map(str, programs), os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"]
        below = {"CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state", "CACHE": ".cache"}
        return {
            "PATH": ":".join(path),
            "HOME": str(self.home),
            **{f"XDG_{name}_HOME": str(self.home / folder) for name, folder in below.items()},
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CI": "1",
            "NO_COLOR": "1",
            "DO_NOT_TRACK": "1",
        }

    async def run(self, command: list[str], environment: Mapping[str, str], script: Script, upstream: str) -> Outcome:
        """Runs a client against a scripted proxy in front of a server."""
        at_work = replace(script, calls=[call.at(str(self.work)) for call in script.calls])
        proxy = ScriptedProxy(upstream, at_work, self.captures)
        socket = self.temporary / "proxy.sock"
        async with proxy.listening(socket):
            process = await asyncio.create_subprocess_exec(
                *isolated(command, socket, PORT),
                cwd=self.work,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            output, status = b"", None
            try:
                output, _ = await asyncio.wait_for(process.communicate(), CLIENT_S)
                status = process.returncode
            except TimeoutError:
                pass
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Outcome(status, output.decode(errors="replace"), proxy, self.work)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    temporary = Path(tempfile.mkdtemp(prefix="agent"))
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    yield Room(work, home, temporary, tmp_path / "requests")
    shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture(scope="module")
def model(server: Serving) -> str:
    """The name of the model."""
    return str(httpx.get(f"{root(server)}/v1/models").json()["data"][0]["id"])


def root(server: Serving) -> str:
    """The server's URL without `/v1`. The name localhost may have two addresses."""
    return server.url.removesuffix("/v1").replace("//localhost", "//127.0.0.1")


@pytest.mark.parametrize("run", AGENT_RUNS, ids=[run.id for run in AGENT_RUNS])
async def test_an_agent_does_its_task(run: AgentRun, server: Serving, lab: Lab, room: Room) -> None:
    try:
        programs = [lab.node()] if run.registry == "npm" else []
        programs.insert(0, lab.install(run.agent, run.registry, run.packages))
    except UnavailableError as error:
        pytest.skip(f"{run.packages[0]} cannot be had: {error}")
    for path, text in run.files.items():
        for folder in (room.home, room.work):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    model = ("--model-id", run.model) if run.model else ()
    arguments = [argument.replace("{work}", str(room.work)) for argument in run.arguments]
    quiet = {name: value.replace("{work}", str(room.work)) for name, value in run.quiet.items()}
    environment = {**room.environment(*programs), **quiet, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    launch = [*COMMAND, "launch", "--wire", run.wire, *model, run.agent, *arguments]
    outcome = await room.run(launch, environment, run.script, root(server))
    outcome.check()
    if run.script.calls:
        assert outcome.proxy.exchanges[-1].step == "the end"


FRAMEWORK_RUNS = [(framework, arguments) for framework in FRAMEWORKS for arguments in framework.runs]


@pytest.mark.parametrize(
    ("framework", "arguments"),
    FRAMEWORK_RUNS,
    ids=[f"{framework.name}-{'-'.join(modes)}" for framework, modes in FRAMEWORK_RUNS],
)
async def test_a_framework_does_its_task(
    framework: Framework, arguments: tuple[str, ...], server: Serving, model: str, lab: Lab, room: Room
) -> None:
    try:
        programs = lab.install(framework.name, framework.registry, framework.packages)
        interpreter = programs / "python" if framework.registry == "pypi" else lab.node() / "node"
    except UnavailableError as error:
        pytest.skip(f"{framework.packages[0]} cannot be had: {error}")
    program = PROGRAMS / framework.program
    if framework.registry == "npm":
        # Node looks for packages from where the program is.
        program = Path(shutil.copy(program, programs.parents[1]))
    values = {
        "BASE_URL": f"http://127.0.0.1:{PORT}",
        "KEY": "sk-test",
        "MODEL": model,
        "MCP_SERVER": str(clients.MCP_SERVER),
    }
    environment = {**room.environment(), **framework.quiet, **values}
    outcome = await room.run([str(interpreter), str(program), *arguments], environment, framework.script, root(server))
    outcome.check()
    assert DONE in outcome.output
