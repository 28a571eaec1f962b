"""`promptweave launch`: runs a coding agent with a server of promptweave."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from promptweave.cli.agents.agent import Agent, AgentSetup, ServedModel, Wire
from promptweave.cli.agents.foreground import exit_on_signals, run_in_foreground
from promptweave.cli.agents.own_server import own_server
from promptweave.cli.agents.serve_options import SERVER_OPTIONS, on_command_line, to_serve
from promptweave.cli.agents.server import DEFAULT_CONTEXT, NO_KEY, LaunchError, RunningServer, server_url
from promptweave.cli.agents.table import AGENTS
from promptweave.cli.options.topics import SETTINGS, TopicCommand, api_option, engine_option, model_option
from promptweave.cli.options.values import FILE
from promptweave.rpc.logs import complain, tell

_DEFAULT_URL = "http://127.0.0.1:8080"
_NOT_FOUND = 127
"""The exit code that shells report for programs that are not installed."""
_SMALL_CONTEXT = 16_384
"""Below this context size, in tokens, a warning is printed: instructions and tools of most agents take 5,000 to 20,000."""
_CONTEXT = SETTINGS | {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command("launch", cls=TopicCommand, context_settings=_CONTEXT)
@click.argument("agent", type=click.Choice([*AGENTS]), metavar="AGENT", required=False)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@api_option("--url", metavar="URL", help=f"Server to use.  [default: {_DEFAULT_URL} if it runs, else a new one]")
@api_option("--api-key", metavar="KEY", help="API key of the server; a new server then requires it.")
@api_option(
    "--wire",
    type=click.Choice([wire.value for wire in Wire]),
    help="API that the agent calls: chat completions, responses or messages.  [default: see --list]",
)
@model_option("--model", type=FILE, metavar="FILE", help="Start a server with this GGUF file.")
@model_option("--hf-repo", metavar="REPO", help="Start a server with a model of this Hugging Face repository.")
@model_option("--hf-file", metavar="FILE", help="GGUF file in --hf-repo.  [default: Q4_K_M, or the first]")
@model_option(
    "--model-id", metavar="NAME", help="Name of the model, as the agent shows it.  [default: the first of the server]"
)
@engine_option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="URL",
    help="Start a server that uses this llama.cpp server. Repeatable.",
)
@engine_option(
    "--ctx-size",
    type=click.IntRange(1),
    metavar="N",
    help="Context size of a new server, in tokens.  [default: the model's]",
)
@click.option("--print", "print_only", is_flag=True, help="Print the configuration as a shell script instead of running it.")
@click.option("--list", "list_agents", is_flag=True, help="List the agents, their APIs, and whether they are installed.")
@click.pass_context
def command(
    context: click.Context, /, agent: str | None, args: tuple[str, ...], print_only: bool, list_agents: bool, **given: Any
) -> None:
    """Run a coding agent, such as codex or claude, with a local model; --list shows all agents.

    Options of launch precede AGENT; everything after it is passed to the agent. Uses the server at --url if it runs.
    Otherwise, or with --model, --hf-repo or --endpoint, starts `promptweave serve` and stops it when the agent exits; other
    options of that server can be set with their environment variables, such as PROMPTWEAVE_PARALLEL.

    The agent gets base URL, key, model and context size in its environment, its options or a temporary file: the user's own
    configuration files are not changed. The exit code is the agent's.

    \b
    Examples:
      promptweave launch claude
      promptweave launch --hf-repo Qwen/Qwen3-8B-GGUF codex exec "Fix the failing test"
      promptweave launch --print opencode
    """
    if list_agents:
        _list()
        return
    if agent is None:
        raise click.UsageError("Missing argument 'AGENT'; choose one of " + ", ".join(AGENTS) + ".", context)
    row = AGENTS[agent]
    if args[:1] == ("--print",) and not row.has_print_option:
        print_only, args = True, args[1:]
    wire = Wire(given["wire"]) if given["wire"] else row.wires[0]
    try:
        if wire not in row.wires:
            raise LaunchError(f"--wire: {row.title} cannot call {wire.value}; use {' or '.join(row.wires)}")
        if print_only:
            click.echo(_script(row, wire, _printed_model(context, given), args))
            return
        program = shutil.which(row.program)
        if program is None:
            complain("launch", f"{agent}: the program {row.program!r} is not on PATH; install it with `{row.install}`")
            sys.exit(_NOT_FOUND)
        with exit_on_signals():
            code = _run(context, row, wire, (program, *args), given)
    except LaunchError as error:
        complain("launch", str(error))
        sys.exit(1)
    sys.exit(code)


def _list() -> None:
    """Print a line for each agent."""
    width = max(len(agent.title) for agent in AGENTS.values())
    for agent in AGENTS.values():
        found = shutil.which(agent.program) or f"not installed: {agent.install}"
        click.echo(f"{agent.name:<10} {agent.title:<{width}}   {', '.join(agent.wires):<30} {found}")


def _run(context: click.Context, agent: Agent, wire: Wire, command: tuple[str, ...], given: Mapping[str, Any]) -> int:
    """Run the agent with its server and its temporary folder, and return its exit code. Raises LaunchError."""
    with tempfile.TemporaryDirectory(prefix="promptweave-") as name, _server(context, given, Path(name)) as server:
        served = server.model(given["model_id"])
        if served.context < _SMALL_CONTEXT:
            tell(
                "launch",
                f"{served.model} has a context of {served.context:,} tokens, too few for most agents; "
                f"use a model and a --ctx-size of at least {_SMALL_CONTEXT:,}",
            )
        folder = Path(name) / agent.name
        setup = agent.configure(served, wire, folder)
        for path, text in setup.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        program, *args = command
        return run_in_foreground([program, *setup.options, *args], _environment(setup, served))


@contextmanager
def _server(context: click.Context, given: Mapping[str, Any], folder: Path) -> Iterator[RunningServer]:
    """Yield a running server, or a new one that ends with the block. Raises LaunchError."""
    if (running := _running_server(context, given)) is not None:
        running.wait_until_ready()
        yield running
    else:
        options = to_serve(given, on_command_line(context))
        with own_server(options, _first_key(given["api_key"]), folder / "serve.log") as server:
            yield server


def _running_server(context: click.Context, given: Mapping[str, Any]) -> RunningServer | None:
    """Return the server at `--url`, or the one at the default URL if it runs. Raises LaunchError.

    Options on the command line that describe a server to start take precedence over PROMPTWEAVE_URL.
    """
    explicit = on_command_line(context)
    if starting := [option for name, option in SERVER_OPTIONS.items() if name in explicit]:
        if "url" in explicit:
            raise LaunchError(f"{starting[0]}: starts a new server and cannot be combined with --url; remove one of them")
        return None
    server = RunningServer(server_url(given["url"] or _DEFAULT_URL), _first_key(given["api_key"]) or NO_KEY)
    if server.is_promptweave():
        return server
    if given["url"]:
        raise LaunchError(f"--url: no promptweave server responds at {server.url}; start one with `promptweave serve`")
    return None


def _first_key(keys: str | None) -> str | None:
    """Return the first key: PROMPTWEAVE_API_KEY of a server may hold several, separated by spaces."""
    return keys.split()[0] if keys and keys.split() else None


def _environment(setup: AgentSetup, served: ServedModel) -> dict[str, str]:
    """Return the agent's environment: the user's, with what the setup changes, and without a proxy for the server."""
    environment = {**os.environ, **setup.environment}
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (os.environ.get(name), urlsplit(served.url).hostname)))
    return environment


# -- --print --


def _printed_model(context: click.Context, given: Mapping[str, Any]) -> ServedModel:
    """Return the model of a running server, or one with placeholders: `--print` starts no server. Raises LaunchError."""
    running = _running_server(context, given)
    if running is not None:
        return running.model(given["model_id"])
    tell("launch", "no server is running: URL, model and context size are examples")
    context_size = given["ctx_size"] or DEFAULT_CONTEXT
    return ServedModel(_DEFAULT_URL, _first_key(given["api_key"]) or NO_KEY, given["model_id"] or "MODEL", context_size)


def _script(agent: Agent, wire: Wire, served: ServedModel, args: tuple[str, ...]) -> str:
    """Return a shell script that runs the agent as `launch` does."""
    folder = Path(tempfile.gettempdir()) / f"promptweave-{agent.name}"
    setup = agent.configure(served, wire, folder)
    lines = [f"# {agent.title}: {served.model} at {served.url}, {served.context} tokens, API {wire.value}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in setup.environment.items()]
    for path, text in setup.files.items():
        quoted = shlex.quote(str(path))
        lines += [f"mkdir -p {shlex.quote(str(path.parent))}", f"cat > {quoted} <<'END'", text.rstrip("\n"), "END"]
    return "\n".join([*lines, shlex.join([agent.program, *setup.options, *args])])
