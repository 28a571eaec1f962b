"""Every command of the documentation is run and prints what the page says, or is listed: who runs it, or why nobody does."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import trustme

from promptweave.demo.embedding_model import write_embedding_model
from promptweave.demo.model import demo_template
from tests.docs.not_run import NOT_RUN, RUN_BY
from tests.support.docs.documented_commands import ROOT, Command, commands
from tests.support.serving import FREE_PORTS, Serving, running

COMMANDS = commands()
LISTED = [text for table in (RUN_BY, NOT_RUN) for listed in table.values() for text in listed]


def _is_listed(text: str, listed: str) -> bool:
    return text.startswith(listed.removesuffix("...")) if listed.endswith("...") else text == listed


RUN = [each for each in COMMANDS if not any(_is_listed(each.text, listed) for listed in LISTED)]
SERVICES = list(dict.fromkeys(each.text for each in RUN if each.serves))
PAGES = list(dict.fromkeys(each.page for each in RUN if not each.serves))

HERE = {
    "serve": (*FREE_PORTS, "--host", "127.0.0.1"),
    "compiler": ("--listen", "127.0.0.1:0"),
    "inference": ("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"),
    "facade": ("--port", "0", "--host", "127.0.0.1"),
}
"""Where each service is to listen here: the last of two options counts."""
REQUEST = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def files(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that commands name."""
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(demo_model, folder / "model.gguf")
    write_embedding_model(folder / "embedder.gguf")
    write_embedding_model(folder / "reranker.gguf", pooling="RANK")
    texts = {
        "chat.jinja": demo_template(),
        "request.json": json.dumps(REQUEST),
        "prompts.jsonl": json.dumps(REQUEST),
        "output.txt": "Hello",
        "token": "secret",
        "routes.toml": (ROOT / "deploy" / "routes.toml").read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("compiler", "inference", "facade"):
        issued = ca.issue_cert(name)
        issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
    return folder


@pytest.fixture
def room(files: Path, tmp_path: Path) -> Path:
    """A copy of them, with the examples of a clone, in which commands may do what they like."""
    room = tmp_path / "room"
    shutil.copytree(files, room)
    shutil.copytree(ROOT / "examples", room / "examples", ignore=shutil.ignore_patterns("node_modules"))
    return room


def test_every_command_is_run_or_listed() -> None:
    shown = {each.text for each in COMMANDS}
    assert [listed for listed in LISTED if not any(_is_listed(text, listed) for text in shown)] == [], "no page shows these"
    assert [text for text, number in Counter(LISTED).items() if number > 1] == []
    begins = re.compile(r"(echo|curl|cat|promptweave|perl)\b|python examples/")
    assert [each for each in RUN if not begins.match(each.text)] == [], "list these in not_run.py, or run them"
    assert SERVICES
    assert len(PAGES) > 5


@pytest.mark.parametrize("who", RUN_BY)
def test_who_runs_a_command_exists(who: str) -> None:
    path, _, function = who.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not function or f"def {function}(" in text


def test_scripts_exist() -> None:
    for each in COMMANDS:
        for module, path in re.findall(r"\bpython (?:-m (\S+)|(\w\S*))", each.text):
            place = ROOT / (module.replace(".", "/") if module else path)
            assert place.is_file() or place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), each


@pytest.mark.parametrize("text", SERVICES)
def test_services_start(text: str, room: Path) -> None:
    _, name, *options = text.replace("\\\n", " ").split()
    until = "Ctrl-C" if name == "serve" else r"listening on \S+\n"
    with running(name, *options, *HERE[name], until=until, cwd=room) as (_, said):
        assert name == "serve" or "127.0.0.1" in said


@pytest.mark.parametrize("page", PAGES)
def test_commands_print_what_is_said(page: str, default_served: Serving, room: Path) -> None:
    for command in RUN:
        if command.page == page and not command.serves:
            _try(command, default_served, room)


def _try(command: Command, served: Serving, room: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", command.text.replace("http://localhost:8080", served.url.removesuffix("/v1"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
        cwd=room,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OPENAI_BASE_URL": served.url,
            "PROMPTWEAVE_COMPILER": served.compiler,
            "PROMPTWEAVE_INFERENCE": served.inference,
        },
    )
    pattern = ".*".join(re.escape(piece.strip()) for piece in re.split(r"\.\.\.|\n", command.printed))
    assert re.search(pattern, done.stdout, re.DOTALL), f"{command.text}\nprinted\n{done.stdout}"
    if not command.printed.strip():
        assert done.returncode == 0, f"{command.text}\nended with {done.returncode} and printed\n{done.stdout}"
        assert '"error"' not in done.stdout
