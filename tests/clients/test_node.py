"""OpenAI's SDK for Node and the Vercel AI SDK, against a running server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.serving import Serving

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node and npm are not here")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the packages are installed."""
    folder = tmp_path_factory.mktemp("clients")
    for file in (HERE / "package.json", *HERE.glob("*.mjs")):
        shutil.copy(file, folder)
    installed = run("npm", "install", "--no-audit", "--no-fund", cwd=folder)
    if installed.returncode:
        pytest.skip(f"npm cannot install the clients here: {installed.stderr.strip().splitlines()[-1:]}")
    return folder


def test_openai(served: Serving, folder: Path) -> None:
    done = run("node", "openai_node.mjs", served.url, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 10


def test_vercel_ai_sdk(served: Serving, folder: Path) -> None:
    done = run("node", "ai_sdk.mjs", served.url, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["compatible", "chat", "responses"]
