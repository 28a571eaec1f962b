"""A click group that imports a command's module when the command runs and exits as shells expect."""

import importlib
import os
import re
import signal
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import click

from promptweave.cli.options.aliases import set_variables

INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE
"""The exit codes that shells report for processes ended by these signals."""


class LazyGroup(click.Group):
    """Commands by name, each with its location (`module:attribute`) and a line for the group's help.

    Some commands import gRPC, FastAPI or numpy; `promptweave schema` needs none of these.
    """

    def __init__(self, name: str, commands: Mapping[str, tuple[str, str]], help: str) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        super().__init__(name, help=help, context_settings=settings, params=[_version_option(name)])
        self._lazy = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands, in the table's order."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        command.context_settings = {**self.context_settings, **command.context_settings}
        for param in command.params:
            if isinstance(param, click.Option):
                set_variables(param, str(self.name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in self._lazy.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line. The program name in messages does not depend on how it was started."""
        if not args and kwargs.get("args") is None:
            # Runs as a program. Python turns Ctrl-C into an exception, which an import may swallow.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        kwargs.setdefault("prog_name", self.name)
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the arguments name. A failure is reported by the exit code and at most one line."""
        drop_service_links(os.environ)
        for stream in ("stdout", "stderr"):
            # Closed by the parent (`>&-`): Python sets these to None, and the next opened file would get their descriptor.
            if getattr(sys, stream) is None:
                setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process exits
        try:
            result = super().invoke(ctx)
            # Flushed here, where a closed pipe or a full disk can still be handled; at interpreter exit it cannot.
            sys.stdout.flush()
        except KeyboardInterrupt:
            _silence_stdout()
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _silence_stdout()
            ctx.exit(PIPE_CLOSED)
        except OSError as error:
            # Raised by the commands' own reads and writes: a fault of the machine, not of the program.
            _silence_stdout()
            from promptweave.rpc.logs import complain

            complain("", str(error))
            ctx.exit(1)
        return result


def drop_service_links(environment: MutableMapping[str, str]) -> None:
    """Remove the variables that Kubernetes sets in containers for a service named `promptweave`.

    PROMPTWEAVE_PORT=tcp://10.0.0.7:8080 is not meant for `--port`.
    """
    for name, value in list(environment.items()):
        if re.fullmatch(r"PROMPTWEAVE(_\w+)?_PORT", name) and "://" in value:
            del environment[name]


def _silence_stdout() -> None:
    """Redirect stdout to /dev/null, so that flushing the buffer at interpreter exit does not fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # Not a file, but a test's buffer.
        return


def _version_option(name: str) -> click.Parameter:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            # This import is a third of a bare start's time.
            from importlib.metadata import version

            click.echo(f"{name} {version(name)}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version and exit."
    )
