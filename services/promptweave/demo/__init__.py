"""Two demo models: one that ships with promptweave and calls tools (built by the repository's `demo/`), and, for tests,
tiny GGUFs with random weights, whose output is structured by the grammar alone."""

from importlib.resources import as_file, files
from pathlib import Path


def shipped_model() -> Path:
    """Return the path of the model that ships with promptweave."""
    # An installed package consists of plain files: nothing is unpacked, so the path stays valid.
    with as_file(files("promptweave.demo").joinpath("promptweave-demo.gguf")) as path:
        return path
