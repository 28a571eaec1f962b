"""Writes a GGUF file whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gguf import GGUFWriter


@contextmanager
def gguf_file(path: Path, architecture: str) -> Iterator["GGUFWriter"]:
    """A writer; what it was told is at `path` after the block, unless the block raises. Raises OSError."""
    # Heavy, and only needed here.
    from gguf import GGUFWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    writer = GGUFWriter(temporary, architecture)
    try:
        yield writer
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        # `mkstemp` makes files that only their owner can read; the engine may run as somebody else.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        writer.close()
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)  # It can only be read by setting it.
    os.umask(mask)
    return mask
