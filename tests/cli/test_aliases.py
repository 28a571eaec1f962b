"""Former spellings of options: they work on the command line and as environment variables, and the help omits them."""

from typing import Any

import click
import pytest

from promptweave.cli.main import COMMANDS, main
from promptweave.cli.options.aliases import AliasedOption
from tests.support.cli.invoke import run

FORMER = {
    # Former spelling → the current one, and a value that is not the default.
    "--queue": ("--max-queue", "3"),
    "--grace": ("--shutdown-timeout", "3"),
    "--hang-timeout": ("--watchdog-timeout", "3"),
    "--start-timeout": ("--startup-timeout", "3"),
    "--max-body": ("--max-body-mib", "3"),
    "--responses-most": ("--responses-max-count", "3"),
    "--responses-size": ("--responses-max-mib", "3"),
    "--responses-age": ("--responses-max-days", "3"),
    "--cut": ("--truncated", None),
}


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found
    return found


def spellings(name: str) -> set[str]:
    return {spelling for param in command(name).params for spelling in param.opts}


def parsed(name: str, *args: str) -> dict[str, Any]:
    """Return the values of a command's parameters."""
    return command(name).make_context(name, [*args]).params


CASES = [(name, old) for name in COMMANDS for old, (new, _) in FORMER.items() if new in spellings(name)]


def variable(spelling: str) -> str:
    return "PROMPTWEAVE_" + spelling.lstrip("-").replace("-", "_").upper()


def test_each_former_spelling_is_of_some_command() -> None:
    assert {old for _, old in CASES} == FORMER.keys()
    aliases = {
        alias
        for name in COMMANDS
        for param in command(name).params
        if isinstance(param, AliasedOption)
        for alias in param.aliases
    }
    assert aliases == FORMER.keys()


@pytest.mark.parametrize(("name", "old"), CASES)
def test_a_former_spelling_is_the_current_one(name: str, old: str) -> None:
    new, value = FORMER[old]
    values = [value] if value else []
    assert parsed(name, old, *values) == parsed(name, new, *values) != parsed(name)


@pytest.mark.parametrize(("name", "old"), CASES)
def test_both_variables_set_the_option(name: str, old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new, value = FORMER[old]
    expected = parsed(name, new, *([value] if value else []))
    for each in (old, new):
        with monkeypatch.context() as environment:
            environment.setenv(variable(each), value or "1")
            assert parsed(name) == expected
    monkeypatch.setenv(variable(new), value or "1")
    monkeypatch.setenv(variable(old), "4" if value else "0")
    assert parsed(name) == expected


@pytest.mark.parametrize(("name", "old"), CASES)
def test_the_help_has_the_current_names_only(name: str, old: str) -> None:
    words = run(name, "--help").stdout.replace(";", " ").replace("]", " ").split()
    assert FORMER[old][0] in words
    assert variable(FORMER[old][0]) in "".join(run(name, "--help").stdout.split())
    assert old not in words
    assert variable(old) not in words


def test_an_error_names_the_variable_that_was_set() -> None:
    result = run("facade", env={"PROMPTWEAVE_MAX_BODY": "x"})
    assert result.exit_code == 2
    assert "PROMPTWEAVE_MAX_BODY'" in result.stderr
