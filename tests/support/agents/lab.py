"""Installs agents and frameworks from npm and PyPI, with pinned versions, into a folder that the next run finds again.

The folder is `PROMPTWEAVE_AGENTS_LAB`; by default one in the user's cache. All of them together take 4 GB.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

NODE = "node@22.23.3"
"""The newest versions of some agents need Node 22. This package is its binary."""
INSTALL_S = 600.0


class UnavailableError(Exception):
    """A client cannot be installed here."""


@dataclass(frozen=True)
class Lab:
    """The folder of all clients, each in a folder of its own."""

    folder: Path

    @classmethod
    def default(cls) -> "Lab":
        """The lab that the environment names, or the one in the user's cache."""
        folder = os.environ.get("PROMPTWEAVE_AGENTS_LAB") or platformdirs.user_cache_path("promptweave") / "agents-lab"
        return cls(Path(folder).resolve())

    def install(self, name: str, registry: str, packages: Sequence[str]) -> Path:
        """Installs packages, unless they are there; returns the folder of their programs. Raises UnavailableError."""
        folder = self.folder / name
        if registry == "npm":
            if not all(_npm_has(folder, package) for package in packages):
                self._npm(folder, packages)
            return folder / "node_modules" / ".bin"
        if not all(_pip_has(folder, package) for package in packages):
            self._pip(folder, packages)
        return folder / "venv" / "bin"

    def node(self) -> Path:
        """Returns the folder of a Node that is new enough. Raises UnavailableError."""
        self.install("node22", "npm", (NODE,))
        return self.folder / "node22" / "node_modules" / "node" / "bin"

    def _npm(self, folder: Path, packages: Sequence[str]) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise UnavailableError("npm is not here")
        _empty(folder)
        (folder / "package.json").write_text('{"name": "lab", "private": true}')
        cache = ("--cache", str(self.folder / "npm-cache"))
        # An agent's own installer may need the newer Node, which the lab's first package is.
        node = self.folder / "node22" / "node_modules" / "node" / "bin"
        _run([npm, "install", *cache, "--no-audit", "--no-fund", "--loglevel=error", *packages], folder, node)

    def _pip(self, folder: Path, packages: Sequence[str]) -> None:
        _empty(folder)
        _run([sys.executable, "-m", "venv", "venv"], folder)
        _run(["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages], folder)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "home").mkdir(parents=True)


def _run(command: Sequence[str], folder: Path, first_on_path: Path | None = None) -> None:
    """Runs an installer, with a home of its own; npm and pip write their caches there."""
    names = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    passed = {name: os.environ[name] for name in (*names, *_REGISTRIES) if name in os.environ}
    path = f"{first_on_path}:{passed['PATH']}" if first_on_path else passed["PATH"]
    environment = {**passed, "PATH": path, "HOME": str(folder / "home")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took more than {INSTALL_S:g} s") from None
    if done.returncode:
        raise UnavailableError(f"{command[0]} failed: {' '.join(done.stderr.split())[-300:]}")


_REGISTRIES = (
    "PIP_INDEX_URL",
    "PIP_CERT",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_registry",
    "npm_config_cafile",
)
"""Variables that say where packages are."""


def _npm_has(folder: Path, package: str) -> bool:
    name, _, version = package.rpartition("@")
    file = folder / "node_modules" / name / "package.json"
    return file.is_file() and f'"version": "{version}"' in file.read_text(encoding="utf-8").replace('":"', '": "')


def _pip_has(folder: Path, package: str) -> bool:
    name, _, version = package.partition("==")
    name = name.partition("[")[0].replace("-", "_")
    return bool([*folder.glob(f"venv/lib/python*/site-packages/{name}-{version}.dist-info")])
