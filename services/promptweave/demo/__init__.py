"""Two demo models: one that comes with promptweave and calls tools (made by the repository's `demo/`), and, for tests, tiny
GGUFs with random weights, whose structure comes from the grammar alone.
"""

from importlib.resources import as_file, files
from pathlib import Path


def shipped_model() -> Path:
    """The model that comes with promptweave."""
    # An installed package is files: nothing is unpacked, so the path stays.
    with as_file(files("promptweave.demo").joinpath("promptweave-demo.gguf")) as path:
        return path
