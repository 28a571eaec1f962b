"""Containerfile and compose.yaml are true to the program. That the steps do: deploy/container/try.sh, in minutes."""

import json
import re
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from promptweave.cli.main import main
from tests.support.deploy.manifests import DEPLOY

CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
COMMANDS = [json.loads(found) for found in re.findall(r"^CMD (\[.*\])", CONTAINERFILE, re.MULTILINE)]


def options(command: str) -> tuple[set[str], set[str]]:
    """Flags and variables that it says it takes."""
    text = CliRunner().invoke(main, [command, "--help"]).output
    return set(re.findall(r"--[a-z][a-z-]+", text)), set(re.findall(r"PROMPTWEAVE_[A-Z_]+", re.sub(r"\s+", " ", text)))


@pytest.mark.parametrize("words", [*COMMANDS, *(service["command"] for service in COMPOSE.values())], ids=" ".join)
def test_commands_are_the_program_s(words: list[str]) -> None:
    flags, _ = options(words[0])
    assert {word for word in words if word.startswith("--")} <= flags


@pytest.mark.parametrize("name", COMPOSE)
def test_a_service_of_compose_is_what_it_says(name: str) -> None:
    service = COMPOSE[name]
    _, variables = options(service["command"][0])
    assert service["environment"].keys() <= variables
    assert service["build"]["target"] == service["command"][0] == name
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    # Its secrets are files that it is given.
    named = {value.removeprefix("/run/secrets/") for value in service["environment"].values() if "/run/secrets/" in value}
    assert named == set(service["secrets"])


def test_stages_are_there() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)", CONTAINERFILE, re.MULTILINE)
    used = re.findall(r"^FROM (\w[\w-]*) AS|--from=(\S+)", CONTAINERFILE, re.MULTILINE)
    assert {one or other for one, other in used} <= set(stages)
    assert {"compiler", "inference", "facade"} <= set(stages)
    for command in re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])", CONTAINERFILE, re.MULTILINE):
        compile(json.loads(command)[2], "HEALTHCHECK", "exec")


def test_steps_are_shell() -> None:
    for script, shell in (("steps.sh", "sh"), ("try.sh", "bash")):
        subprocess.run([shell, "-n", str(DEPLOY / "container" / script)], check=True, timeout=60)
    steps = (DEPLOY / "container" / "steps.sh").read_text()
    for step in re.findall(r"RUN /steps.sh (\w+)", CONTAINERFILE):
        assert f"\n{step})" in steps


def test_envoy_s_configuration_hangs_together() -> None:
    """There is no Envoy to ask."""
    static = yaml.safe_load((DEPLOY / "envoy" / "envoy.yaml").read_text())["static_resources"]
    clusters = {cluster["name"] for cluster in static["clusters"]}
    for listener in static["listeners"]:
        (chain,) = listener["filter_chains"]
        (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
        assert {route["route"]["cluster"] for route in host["routes"]} <= clusters
