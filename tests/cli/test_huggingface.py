"""Models from a hub: which files are taken, and what is said where none can be had. The hub is a small one of our own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from promptweave.cli.huggingface import choose_files
from promptweave.inference.errors import StartError

REPO = "maker/tiny-GGUF"
FILES = {"tiny-Q8_0.gguf": b"GGUF8", "tiny-Q4_K_M.gguf": b"GGUF4", "README.md": b"hello", "mmproj-tiny.gguf": b"no"}


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        pytest.param(["a-Q8_0.gguf", "a-Q4_K_M.gguf"], ["a-Q4_K_M.gguf"], id="q4_k_m"),
        pytest.param(["b.gguf", "a.gguf", "x.bin"], ["a.gguf"], id="the-first"),
        pytest.param(["mmproj-a.gguf", "z.gguf"], ["z.gguf"], id="no-projector"),
        pytest.param(
            ["a-00002-of-00003.gguf", "a-00001-of-00003.gguf", "a-00003-of-00003.gguf"],
            ["a-00001-of-00003.gguf", "a-00002-of-00003.gguf", "a-00003-of-00003.gguf"],
            id="parts",
        ),
    ],
)
def test_chooses(files: list[str], chosen: list[str]) -> None:
    assert choose_files(files, REPO) == chosen


def test_says_that_a_repository_holds_no_model() -> None:
    with pytest.raises(StartError, match="maker/tiny-GGUF contains no GGUF file"):
        choose_files(["model.safetensors"], REPO)


class _Hub(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path.startswith(f"/api/models/{REPO}"):
            siblings = [{"rfilename": name} for name in FILES]
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in FILES.items()]
            body = json.dumps(tree if "/tree/" in path else {"id": REPO, "sha": "1" * 40, "siblings": siblings}).encode()
            self._send(200, body)
        elif path.startswith(f"/{REPO}/resolve/") and name in FILES:
            self._send(200, FILES[name], ETag=f'"{name}"', **{"X-Repo-Commit": "1" * 40})
        else:
            known = path.startswith((f"/{REPO}/", f"/api/models/{REPO}"))
            self._send(404, b"{}", **{"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"})

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def fetch(endpoint: str, home: Path, repo: str, file: str | None = None, **env: str) -> str:
    """What fetching gives: the file's content, or the error. In a process: the library reads its variables once."""
    program = (
        "import sys\nfrom promptweave.cli.huggingface import fetch_model\n"
        "from promptweave.inference.errors import StartError\n"
        "try:\n    print(fetch_model(sys.argv[1], sys.argv[2] or None).read_text())\n"
        "except StartError as error:\n    print('error:', error)\n"
    )
    given = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, **env}
    done = subprocess.run(
        [sys.executable, "-c", program, repo, file or ""],
        capture_output=True,
        text=True,
        env=given,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_downloads_once(hub: str, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path, REPO) == "GGUF4"
    assert fetch(hub, tmp_path, REPO, "tiny-Q8_0.gguf") == "GGUF8"
    # From the cache, without a network.
    assert fetch("http://127.0.0.1:1", tmp_path, REPO, "tiny-Q8_0.gguf", HF_HUB_OFFLINE="1") == "GGUF8"
    assert fetch("http://127.0.0.1:1", tmp_path, REPO, HF_HUB_OFFLINE="1") == "GGUF4"


@pytest.mark.parametrize(
    ("repo", "file", "reason"),
    [
        pytest.param("maker/other", None, "has no repository maker/other", id="no-repository"),
        pytest.param(REPO, "tiny-Q2.gguf", "has no file tiny-Q2.gguf", id="no-file"),
        pytest.param("a/b/c", None, "'a/b/c' is not a repository name", id="no-name"),
    ],
)
def test_says_what_is_not_there(hub: str, tmp_path: Path, repo: str, file: str | None, reason: str) -> None:
    found = fetch(hub, tmp_path, repo, file)
    assert found.startswith("error:")
    assert reason in found
    assert "\n" not in found


@pytest.mark.parametrize("file", [None, "a.gguf"])
def test_says_that_the_hub_cannot_be_reached(tmp_path: Path, file: str | None) -> None:
    found = fetch("http://127.0.0.1:1", tmp_path, "maker/absent", file)
    assert found.startswith("error: cannot download maker/absent from http://127.0.0.1:1:")
    assert "--model FILE" in found
    assert "\n" not in found
