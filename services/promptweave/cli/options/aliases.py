"""Options with former spellings, which still work on the command line and as environment variables but are not shown."""

from collections.abc import Sequence
from copy import copy
from typing import Any

import click


class AliasedOption(click.Option):
    """An option with hidden aliases, such as `--queue` of `--max-queue`. Error messages name them, the help does not."""

    def __init__(self, param_decls: Sequence[str] | None = None, *, aliases: Sequence[str] = (), **attrs: Any) -> None:
        super().__init__([*(param_decls or ()), *aliases], **attrs)
        self.aliases = tuple(aliases)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's line of the help, without the aliases."""
        visible = copy(self)
        visible.opts = [spelling for spelling in self.opts if spelling not in self.aliases]
        if self.aliases and self.envvar:
            visible.envvar = self.envvar[0]
        return super(AliasedOption, visible).get_help_record(ctx)


def set_variables(option: click.Option, prefix: str) -> None:
    """Set the names of the option's environment variables from its spellings, the current one first.

    The names are the same for all commands; click's `auto_envvar_prefix` uses those of the command and the Python argument.
    """
    aliases = option.aliases if isinstance(option, AliasedOption) else ()
    spelling = max((each for each in option.opts if each not in aliases), key=len)
    variables = [f"{prefix}_{each.lstrip('-')}".replace("-", "_").upper() for each in (spelling, *aliases)]
    option.envvar = option.envvar or (variables if aliases else variables[0])
    option.show_envvar = True
