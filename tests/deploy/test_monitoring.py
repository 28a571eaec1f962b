"""The dashboard and the alert rules ask for what the services count."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.deploy.manifests import DEPLOY
from tests.support.inference.processes import free_port
from tests.support.serving import running

ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "promptweave.json").read_text())
RULES = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
ASKED = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']} {target['refId']}": target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    },
}
NAME = re.compile(r"\b(?:vllm:|promptweave_|grpc_server_|http_request)[a-z_]+")


@pytest.fixture(scope="module")
def counted(demo_model: Path) -> Iterator[str]:
    """What the three show, in Prometheus' form."""
    compiler, inference = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with ExitStack() as stack:
        addresses = []
        for arguments in (
            ("compiler", "--listen", "127.0.0.1:0", "--metrics", compiler),
            ("inference", "--listen", "127.0.0.1:0", "--metrics", inference, "--model", str(demo_model)),
        ):
            _, said = stack.enter_context(running(*arguments, until="listening on .*"))
            addresses.append(said.split()[-1])
        services = ("--compiler", addresses[0], "--inference", addresses[1])
        _, said = stack.enter_context(running("facade", "--port", "0", *services, until="listening on .*"))
        facade = said.split()[-1]
        httpx.get(f"http://{facade}/v1/models", timeout=60)
        yield "\n".join(httpx.get(f"http://{at}/metrics", timeout=60).text for at in (compiler, inference, facade))


def test_what_is_asked_for_is_counted(counted: str) -> None:
    names = set(re.findall(r"^# TYPE (\S+) ", counted, re.MULTILINE))
    for where, expression in ASKED.items():
        found = NAME.findall(expression)
        assert found, where
        for name in found:
            assert name in names or re.sub(r"_(bucket|count|sum)$", "", name) in names, (where, name)


def test_no_deprecated_name_is_asked_for(counted: str) -> None:
    deprecated = set(re.findall(r"^# HELP (\S+) Deprecated: use ", counted, re.MULTILINE))
    assert "promptweave_slots" in deprecated
    assert not deprecated & {name for expression in ASKED.values() for name in NAME.findall(expression)}


def test_the_dashboard_s_panels_are_apart() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_rules_are_prometheus_own(tmp_path: Path) -> None:
    """Also the dashboard's expressions, as rules."""
    expressions = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
        for number, expression in enumerate(ASKED.values())
    ]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": expressions}]}))
    for file in (ALERTS, tmp_path / "panels.yaml"):
        done = subprocess.run(
            ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
