"""A click group that loads a command's module when the command runs, and ends commands as a shell expects."""

import importlib
import os
import re
import signal
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import click

INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE
"""The exit codes that a shell gives to what these signals ended."""


class LazyGroup(click.Group):
    """Commands by name: where each is (`module:attribute`), and what it does in a line, for the group's help.

    The modules of some commands bring gRPC, FastAPI or numpy with them; `promptweave schema` needs none of these.
    """

    def __init__(self, name: str, commands: Mapping[str, tuple[str, str]], help: str) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        super().__init__(name, help=help, context_settings=settings, params=[_version_option(name)])
        self._lazy = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the table's order."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; its module is imported here."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        for param in command.params:
            if isinstance(param, click.Option):
                # By the option's spelling, the same for all commands: click's own `auto_envvar_prefix` goes by the names of
                # the command and of the Python argument.
                spelling = max(param.opts, key=len).lstrip("-")
                param.envvar = param.envvar or f"{self.name}_{spelling}".replace("-", "_").upper()
                param.show_envvar = True
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands into the help without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in self._lazy.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line. However the program was started, it calls itself by its name."""
        if not args and kwargs.get("args") is None:
            # A program of its own. Python's own way with a Ctrl-C is an exception, which an import may swallow.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        kwargs.setdefault("prog_name", self.name)
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that the arguments name; how it ends is said by the exit code, and in a line at most."""
        drop_service_links(os.environ)
        for stream in ("stdout", "stderr"):
            # Closed by whoever started us (`>&-`): Python sets these to None, and the next file would take their place.
            if getattr(sys, stream) is None:
                setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the process's life
        try:
            result = super().invoke(ctx)
            # Here, where a closed pipe or a full disk can still be answered: at the interpreter's end it cannot.
            sys.stdout.flush()
        except KeyboardInterrupt:
            _silence_stdout()
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _silence_stdout()
            ctx.exit(PIPE_CLOSED)
        except OSError as error:
            # What the commands read and write themselves; a fault of the machine, not of the program.
            _silence_stdout()
            from promptweave.rpc.logs import complain

            complain("", str(error))
            ctx.exit(1)
        return result


def drop_service_links(environment: MutableMapping[str, str]) -> None:
    """Takes out what Kubernetes puts into a container beside a service of the name `promptweave`.

    PROMPTWEAVE_PORT=tcp://10.0.0.7:8080 is not meant for `--port`.
    """
    for name, value in list(environment.items()):
        if re.fullmatch(r"PROMPTWEAVE(_\w+)?_PORT", name) and "://" in value:
            del environment[name]


def _silence_stdout() -> None:
    """What is still buffered has nowhere to go, and the interpreter would complain of it at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # Not a file: a test's buffer.
        return


def _version_option(name: str) -> click.Parameter:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            # A third of a bare start's time.
            from importlib.metadata import version

            click.echo(f"{name} {version(name)}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version and exit."
    )
