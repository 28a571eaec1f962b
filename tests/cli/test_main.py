"""The command line as a whole: help, environment variables, and how commands end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from promptweave.cli.lazy_group import drop_service_links
from promptweave.cli.main import COMMANDS, main
from promptweave.cli.options.aliases import AliasedOption
from tests.support.cli.invoke import PROGRAM, TEMPLATES, run, shell


def options() -> Iterator[tuple[str, click.Option]]:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command
        yield from ((name, param) for param in command.params if isinstance(param, click.Option))


def test_the_help_shows_every_command_in_order() -> None:
    result = run("--help")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == list(COMMANDS)
    assert run("-h").stdout == result.stdout
    assert result.stdout.startswith("Usage: promptweave ")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_teaches_by_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    text = result.stdout.partition("Options:")[0]
    assert "Example" in text
    assert f"promptweave {name}" in text


def test_every_option_has_an_environment_variable_of_its_spelling() -> None:
    for name, option in options():
        aliases = option.aliases if isinstance(option, AliasedOption) else ()
        spelling = max((each for each in option.opts if each not in aliases), key=len).removeprefix("--")
        variable = f"PROMPTWEAVE_{spelling}".replace("-", "_").upper()
        assert variable == (option.envvar[0] if aliases and option.envvar else option.envvar)
        assert variable in "".join(run(name, "--help").stdout.split())


def test_environment_variables_set_options() -> None:
    refused = run("schema", stdin={"uniqueItems": True})
    assert refused.exit_code == 2
    assert run("schema", stdin={"uniqueItems": True}, env={"PROMPTWEAVE_NO_STRICT": "1"}).exit_code == 0
    inspect = {"PROMPTWEAVE_TEMPLATE": str(TEMPLATES / "bare.jinja"), "PROMPTWEAVE_JSON": "true"}
    assert json.loads(run("inspect", env=inspect).stdout)["style"] == "generic"


def test_links_of_kubernetes_are_no_options() -> None:
    environment = {
        "PROMPTWEAVE_PORT": "tcp://10.0.0.7:8080",
        "PROMPTWEAVE_CTX_SIZE": "9000",
        "OTHER_PORT": "tcp://10.0.0.7:8080",
    }
    drop_service_links(environment)
    assert list(environment) == ["PROMPTWEAVE_CTX_SIZE", "OTHER_PORT"]


def test_the_version() -> None:
    result = run("--version")
    assert result.stdout.startswith("promptweave ")
    assert result.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["nothing"], "No such command 'nothing'", id="command"),
        pytest.param(["schema", "--nothing"], "No such option", id="option"),
        pytest.param(["schema", "--dialect", "bnf"], "'bnf' is not one of 'gbnf', 'llguidance'", id="value"),
        pytest.param(["demo-model"], "Missing argument 'PATH'", id="argument"),
    ],
)
def test_a_wrong_command_line_is_answered_with_2(args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("command", "spared"),
    [
        ("--help", ["grpc", "fastapi", "google.protobuf", "jinja2", "numpy", "jsonschema"]),
        ("schema", ["grpc", "fastapi", "google.protobuf", "jinja2", "numpy"]),
        ("parse", ["grpc", "fastapi", "jinja2", "numpy"]),
        ("inspect", ["grpc", "fastapi", "numpy"]),
        ("compile", ["grpc", "fastapi", "numpy"]),
        ("demo-model", ["grpc", "fastapi", "google.protobuf", "jinja2"]),
    ],
)
def test_commands_import_only_what_they_need(command: str, spared: list[str]) -> None:
    args = [command] if command == "--help" else [command, "--help"]
    code = f"""
import sys
from promptweave.cli.main import main
main({args!r}, standalone_mode=False)
print([name for name in {spared!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "[]"


# -- how commands end --


def test_ctrl_c_ends_a_command_quietly() -> None:
    with subprocess.Popen([*PROGRAM, "schema", "--jsonl"], stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write('{"schema": true}\n')
        process.stdin.flush()
        assert "grammar" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        # Ended by the signal itself, which a shell calls 130.
        assert process.wait(20) == -signal.SIGINT
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        pytest.param("(sleep 1; echo true) | $promptweave schema | true", "0 141 0", id="nobody-reads"),
        pytest.param(
            """yes '{"schema": true}' | $promptweave schema --jsonl | head -n 2 | wc -l >&2""", "141 141 0 0", id="head"
        ),
    ],
)
def test_a_closed_pipe_ends_a_command_quietly(script: str, codes: str) -> None:
    done = shell(f"{script}; echo ${{PIPESTATUS[@]}}")
    assert done.stdout.strip() == codes
    assert done.stderr.strip() in ("", "2")


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        pytest.param("echo true | $promptweave schema > /dev/full", 1, "promptweave: ", id="full-disk"),
        pytest.param("$promptweave schema <&-", 2, "invalid: stdin is closed", id="no-stdin"),
        pytest.param("echo true | $promptweave schema >&-", 0, "", id="no-stdout"),
        pytest.param("echo 1 | $promptweave schema 2>&-", 2, "", id="no-stderr"),
    ],
)
def test_streams_that_fail_are_answered_in_a_line(script: str, code: int, line: str) -> None:
    done = shell(script)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == bool(line)
