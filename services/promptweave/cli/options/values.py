"""Values of options: types, units, and the way from a command's arguments to the options of a service."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

Callback = Callable[[click.Context, click.Parameter, Any], Any]

FILE = click.Path(path_type=Path)
ABSOLUTE_FILE = click.Path(path_type=Path, resolve_path=True)
"""As a path without symbolic links."""

MIB, GIB = 1024**2, 1024**3
DAY_S = 86_400.0


def in_bytes(unit: int) -> Callback:
    """Return a callback that converts a number of `unit`, such as MIB, to bytes."""
    return lambda _context, _parameter, value: round(value * unit)


def in_seconds(unit: float) -> Callback:
    """Return a callback that converts a number of `unit` to seconds."""
    return lambda _context, _parameter, value: value * unit


def fields_of(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments of a command that are fields of the dataclass `kind`, by name."""
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}
