"""Help topics: `--help` of the services lists their options under headings."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

from promptweave.cli.options.aliases import AliasedOption

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

SETTINGS = {"show_default": True}
"""The `context_settings` of commands whose options show their defaults."""

TOPICS = (
    "Model",
    "Embedding, reranking and transcription",
    "Engine",
    "API",
    "Limits and security",
    "Sessions and stored responses",
    "Services",
    "Logging and metrics",
)
"""The headings, in the order of the help. Options without a topic follow under "Options"."""

_COLUMN = 30
"""The width of the spellings, the same under every heading; click's own limit."""


class TopicOption(AliasedOption):
    """An option with the heading that it is listed under."""

    def __init__(self, *args: Any, topic: str, **attrs: Any) -> None:
        assert topic in TOPICS
        super().__init__(*args, **attrs)
        self.topic = topic


class TopicCommand(click.Command):
    """A command whose help lists its options by topic."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help, a section for each topic."""
        sections: dict[str, list[tuple[str, str]]] = {topic: [] for topic in (*TOPICS, "Options")}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                sections[getattr(param, "topic", "Options")].append(record)
        width = min(max(len(spelling) for records in sections.values() for spelling, _ in records), _COLUMN)
        for topic, records in sections.items():
            if records:
                with formatter.section(topic):
                    formatter.write_dl([(spelling.ljust(width), text) for spelling, text in records])


def option_of(topic: str) -> Callable[..., Callable[[Any], Any]]:
    """Return `click.option` for options of a topic."""
    return partial(click.option, cls=TopicOption, topic=topic)


def all_of(*options: Decorator[Any]) -> Decorator[Any]:
    """Return a decorator that adds several options to a command, in the order of the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


model_option = option_of("Model")
auxiliary_option = option_of("Embedding, reranking and transcription")
engine_option = option_of("Engine")
api_option = option_of("API")
security_option = option_of("Limits and security")
storage_option = option_of("Sessions and stored responses")
service_option = option_of("Services")
log_option = option_of("Logging and metrics")
