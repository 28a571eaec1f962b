"""Progress of loading a model. Engines do not report it (builds b11434 to b11549), but the kernel does."""

from pathlib import Path


def loaded_part(pid: int, model: Path) -> float | None:
    """Return the part of the model file that a process has in memory: 0 to 1, slightly high, since its program counts, too.

    Linux only (proc(5)): `RssFile` if the file is mapped, `rchar` if it is read. None if that is not available, and for a
    model in several files.
    """
    if "-00001-of-" in model.name:
        return None
    try:
        size = model.stat().st_size
        mapped = _number(Path(f"/proc/{pid}/status"), "RssFile:") * 1024
        read = _number(Path(f"/proc/{pid}/io"), "rchar:")
    except (OSError, ValueError):
        return None
    return min(max(mapped, read) / size, 1.0) if size else None


def _number(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.removeprefix(name).split()[0])
    raise ValueError(name)
