"""Options of `promptweave launch` for a server to start, and the command line of `promptweave serve` that they make."""

from collections.abc import Mapping, Set
from typing import Any

import click
from click.core import ParameterSource

from promptweave.cli.agents.server import LaunchError
from promptweave.cli.huggingface import fetch_model
from promptweave.inference.errors import StartError

SERVER_OPTIONS = {
    "model": "--model",
    "hf_repo": "--hf-repo",
    "hf_file": "--hf-file",
    "endpoints": "--endpoint",
    "ctx_size": "--ctx-size",
}
"""The options by the names of their arguments. On the command line, they start a new server."""

_SOURCES = ("model", "hf_repo", "endpoints")
"""Arguments that say where the model is."""


def on_command_line(context: click.Context) -> Set[str]:
    """Return the names of the arguments that are set on the command line, and not in the environment."""
    return {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def to_serve(given: Mapping[str, Any], explicit: Set[str]) -> list[str]:
    """Return the options of `promptweave serve`. Downloads the model if necessary. Raises LaunchError.

    `explicit`: the names of the arguments on the command line, which take precedence over the environment.
    """
    sources = [name for name in _SOURCES if name in explicit] or [name for name in _SOURCES if given[name]]
    if len(sources) > 1:
        named = " and ".join(SERVER_OPTIONS[name] for name in sources)
        raise LaunchError(f"{named} exclude each other; pass one of them")
    if given["hf_file"] and sources != ["hf_repo"]:
        raise LaunchError("--hf-file: requires --hf-repo; pass both")
    options = list[str]()
    for option, value in _values(given, *sources):
        options += [option, str(value)]
    return options


def _values(given: Mapping[str, Any], source: str | None = None) -> list[tuple[str, Any]]:
    """Return options with their values. Raises LaunchError."""
    match source:
        case "model":
            values = [("--model", given["model"])]
        case "hf_repo":
            values = [("--model", _download(given["hf_repo"], given["hf_file"]))]
        case "endpoints":
            values = [("--endpoint", url) for url in given["endpoints"]]
        case _:
            values = []
    more = {"--ctx-size": given["ctx_size"], "--model-id": given["model_id"]}
    return values + [(option, value) for option, value in more.items() if value is not None]


def _download(repo: str, file: str | None) -> Any:
    """Download a model here, and not in the server, so that the terminal shows the progress. Raises LaunchError."""
    try:
        return fetch_model(repo, file)
    except StartError as error:
        raise LaunchError(str(error)) from None
