"""Atomic writing of GGUF files."""

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
    """Yield a writer; its file is at `path` after the block, unless the block raises. Raises OSError."""
    # A heavy import, needed only here.
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
        # `mkstemp` makes files that only their owner can read; the engine may run as another user.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        writer.close()
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)  # The umask can only be read by setting it.
    os.umask(mask)
    return mask
