"""The routes file: the models behind one facade, by the names that clients use, and the addresses of their services.

TOML, with a table for each model (docs/deploy.md lists all of its keys):

    [models.small]
    inference = "small:50052"
    aliases = ["gpt-4o-mini", "gpt-3.5*"]

The file is reloaded when it changes.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from promptweave.facade.errors import RoutesFileError, TemplateFileError
from promptweave.facade.options import FacadeOptions
from promptweave.rpc.address import can_be_called
from promptweave.rpc.reloading_file import ReloadingFile

RouteRole = Literal["chat", "embedding", "rerank", "transcription"]


@dataclass(frozen=True, kw_only=True)
class ModelRoute:
    """A model and its addresses."""

    name: str
    role: RouteRole
    """The role of the model."""
    inference: str | None
    """The address of its inference service. None, here and below: the facade's own setting."""
    compiler: str | None
    aliases: tuple[str, ...] | None
    """Additional names, with shell wildcards. None: those that are built into clients, if no other model has the role."""
    template: ReloadingFile[str] | None
    """The text of its chat template. None: the model's own."""
    think_first: bool | None = None
    """Whether it reasons before a call or a formatted answer in any case. None: the facade's own setting."""


class _Table(BaseModel):
    """A model's table in the file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    role: RouteRole = "chat"
    inference: str | None = None
    compiler: str | None = None
    aliases: list[str] | None = None
    template: str | None = None
    think_first: bool | None = None


def watch_routes(file: Path) -> ReloadingFile[tuple[ModelRoute, ...]]:
    """Return the models of a file, reloaded when it changes. Raises RoutesFileError."""
    return ReloadingFile([file], lambda: read_routes(file), RoutesFileError)


def watch_template(file: Path) -> ReloadingFile[str]:
    """Return the text of a chat template, reloaded when it changes. Raises OSError and UnicodeDecodeError."""
    return ReloadingFile([file], lambda: file.read_text("utf-8"), UnicodeDecodeError)


def watch_chat_template(options: FacadeOptions) -> ReloadingFile[str] | None:
    """Return the template that replaces the single model's own, if there is one. Raises TemplateFileError."""
    file = options.chat_template
    if file is None:
        return None
    if options.routes is not None:
        raise TemplateFileError("--chat-template: cannot be combined with --routes; set the model's template in that file")
    try:
        return watch_template(file)
    except OSError as error:
        raise TemplateFileError(f"--chat-template: cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TemplateFileError(f"--chat-template: {file} is not valid UTF-8") from None


def read_routes(file: Path) -> tuple[ModelRoute, ...]:
    """Read the models of a file, in its order. Raises RoutesFileError, which names the line or the key."""
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise RoutesFileError(f"cannot read routes file {file}: {error.strerror}") from None
    except ValueError as error:  # Not TOML, or not UTF-8.
        raise RoutesFileError(f"routes file {file}: not valid TOML: {error}") from None
    try:
        return _routes(document, file.parent)
    except _WrongError as error:
        raise RoutesFileError(f"routes file {file}: {error}") from None


class _WrongError(Exception):
    """An invalid value at a key."""

    def __init__(self, steps: tuple[str | int, ...], why: str) -> None:
        super().__init__(f"{_key(steps)}: {why}" if steps else why)


def _routes(document: Mapping[str, Any], folder: Path) -> tuple[ModelRoute, ...]:
    for key in document:
        if key != "models":
            raise _WrongError((key,), "unknown key; each model is a table [models.NAME]")
    tables = document.get("models")
    if not isinstance(tables, dict) or not tables:
        raise _WrongError((), 'no models; add a table [models.NAME] for each, with its inference = "HOST:PORT"')
    routes = tuple(_route(name, table, folder) for name, table in tables.items())
    _check_names(routes)
    return routes


def _route(name: str, table: Any, folder: Path) -> ModelRoute:
    place = ("models", name)
    if not name:
        raise _WrongError(place, "the model's name is empty; use [models.NAME]")
    if not isinstance(table, dict):
        raise _WrongError(place, "not a table; use [models.NAME] with the keys below it")
    try:
        read = _Table.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _WrongError((*place, *first["loc"]), _reason(first["type"], first["msg"])) from None
    for key, address in (("inference", read.inference), ("compiler", read.compiler)):
        if address is not None and not can_be_called(address):
            raise _WrongError((*place, key), f"{address!r} is not a valid address; use HOST:PORT or unix:/path")
    if read.role != "chat":
        for key, value in (
            ("compiler", read.compiler),
            ("template", read.template),
            ("think_first", read.think_first),
        ):
            if value is not None:
                raise _WrongError((*place, key), f"only allowed for chat models, but this model's role is {read.role!r}")
    for number, alias in enumerate(read.aliases or ()):
        if not alias:
            raise _WrongError((*place, "aliases", number), "must not be empty")
    return ModelRoute(
        name=name,
        role=read.role,
        inference=read.inference,
        compiler=read.compiler,
        aliases=None if read.aliases is None else tuple(read.aliases),
        think_first=read.think_first,
        template=None if read.template is None else _template(folder / read.template, place),
    )


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key; valid keys: {', '.join(_Table.model_fields)}"
    return message[:1].lower() + message[1:]


def _template(file: Path, place: tuple[str, ...]) -> ReloadingFile[str]:
    try:
        return watch_template(file)
    except OSError as error:
        raise _WrongError((*place, "template"), f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _WrongError((*place, "template"), f"{file} is not valid UTF-8") from None


def _check_names(routes: tuple[ModelRoute, ...]) -> None:
    """Check that no name selects two models. Patterns may overlap: then the first model in the file is selected."""
    taken = {route.name: route.name for route in routes}
    for route in routes:
        for number, alias in enumerate(route.aliases or ()):
            owner = taken.setdefault(alias, route.name)
            if owner != route.name:
                raise _WrongError(
                    ("models", route.name, "aliases", number), f"{alias!r} already selects the model {owner!r}"
                )


def _key(steps: tuple[str | int, ...]) -> str:
    """Format a key as in TOML, with list indexes in brackets."""
    written = ""
    for step in steps:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            bare = step.isascii() and step.replace("-", "").replace("_", "").isalnum()
            quoted = step if bare else '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
            written += f".{quoted}" if written else quoted
    return written
