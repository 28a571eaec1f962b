"""deploy/kubernetes: valid for Kubernetes, true to the program's own options, and with no more rights than are needed."""

import re
from itertools import chain
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from promptweave.cli.main import main
from tests.support.deploy.manifests import (
    COMPONENTS,
    DEPLOY,
    FILES,
    KUBERNETES,
    OVERLAYS,
    Object,
    built,
    claims,
    containers,
    environment,
    pods,
    read,
)

SERVICES = "compiler", "inference", "facade", "serve"

GIVEN = {
    "Secret": {"promptweave-token", "promptweave-api-keys", "compiler-tls", "inference-tls", "facade-tls", "balancer-tls"},
    "PersistentVolumeClaim": {"models"},
}
"""What whoever deploys brings; the kustomizations say so."""

VERSION = "1.35"

NO_SCHEMA = {"ScaledObject", "InferencePool", "HTTPRoute", "Gateway", "GRPCRoute", "BackendTrafficPolicy"}
"""Custom resources: kubernetes-validate knows what is Kubernetes' own."""

BUILDS = [
    *((overlay, []) for overlay in OVERLAYS),
    *(("cluster", [component]) for component in COMPONENTS),
    ("single-node", ["tls", "model-download"]),
    ("gpu", ["model-download", "shared-sessions", "tls", "traces"]),
]


@pytest.fixture(scope="module", params=FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def file(request: pytest.FixtureRequest) -> list[Object]:
    return read(request.param.read_text())


@pytest.fixture(scope="module", params=BUILDS, ids=lambda build: "+".join([build[0], *build[1]]))
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return built(*request.param, tmp_path_factory.mktemp("build"))


def test_files_are_valid(file: list[Object]) -> None:
    check_schema(file)


def test_builds_are_valid(build: list[Object]) -> None:
    check_schema(build)


def check_schema(objects: list[Object]) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (extra: deploy)")
    for item in objects:
        if item["kind"] not in NO_SCHEMA:
            validate.validate(item, VERSION, strict=True)


def test_the_schemas_find_mistakes() -> None:
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (extra: deploy)")
    objects = read((KUBERNETES / "base" / "compiler.yaml").read_text())
    _, _, spec = next(pods(objects))
    spec["containers"][0]["readinesProbe"] = {}
    with pytest.raises(Exception, match="readinesProbe"):
        check_schema(objects)


@pytest.fixture(scope="module")
def options() -> dict[str, tuple[set[str], set[str]]]:
    """What each command takes, by its own `--help`: flags, and variables."""
    found = {}
    for command in SERVICES:
        text = CliRunner().invoke(main, [command, "--help"]).output
        text = re.sub(r"\s+", " ", text)
        found[command] = set(re.findall(r"--[a-z][a-z-]+", text)), set(re.findall(r"PROMPTWEAVE_[A-Z_]+", text))
    return found


def test_settings_of_files_are_the_program_s(file: list[Object], options: dict[str, tuple[set[str], set[str]]]) -> None:
    check_settings(file, options)


def test_settings_of_builds_are_the_program_s(build: list[Object], options: dict[str, tuple[set[str], set[str]]]) -> None:
    check_settings(build, options)


def check_settings(objects: list[Object], options: dict[str, tuple[set[str], set[str]]]) -> None:
    for name, _, spec in pods(objects):
        for container in spec["containers"]:
            if not container["image"].startswith("promptweave-"):
                continue
            command, *arguments = container["args"]
            flags, variables = options[command]
            assert {word for word in arguments if word.startswith("--")} <= flags, name
            given = environment(container)
            # OTEL_* are the standard's own.
            assert {variable for variable in given if not variable.startswith("OTEL_")} <= variables, name
            assert not any("key" in word or "token" in word for word in arguments), "secrets are files"
            listening = {port["name"]: port["containerPort"] for port in container["ports"]}
            said = " ".join([*arguments, *given.values()])
            assert all(re.search(rf"\b{port}\b", said) for port in listening.values()), name
            # All that is a file lies in a volume.
            mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
            for variable, value in given.items():
                if value.startswith("/") and variable != "PROMPTWEAVE_ENGINE":
                    assert any(value == place or value.startswith(place + "/") for place in mounted), (name, variable)


def test_pods_of_files_have_no_rights(file: list[Object]) -> None:
    check_rights(file)


def test_pods_of_builds_have_no_rights(build: list[Object]) -> None:
    check_rights(build)


def check_rights(objects: list[Object]) -> None:
    for name, _, spec in pods(objects):
        pod = spec["securityContext"]
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False), name
        assert (pod["runAsNonRoot"], pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), name
        for container in containers(spec):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


def test_what_is_named_is_there(build: list[Object]) -> None:
    there = {(item["kind"], item["metadata"]["name"]) for item in build}
    labels = {label[0]: label[1] for label in ((name, labels) for name, labels, _ in pods(build))}
    there |= {(kind, name) for kind, names in GIVEN.items() for name in names}
    for name, _, spec in pods(build):
        assert ("ServiceAccount", spec["serviceAccountName"]) in there
        volumes, own = {volume["name"] for volume in spec.get("volumes", [])}, claims(build, name)
        assert not volumes & own, name
        for volume in spec.get("volumes", []):
            for kind, key, field in (
                ("Secret", "secret", "secretName"),
                ("ConfigMap", "configMap", "name"),
                ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"),
            ):
                if key in volume:
                    assert (kind, volume[key][field]) in there, name
        for container in containers(spec):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes | own, name
            ports = {port["name"] for port in container.get("ports", [])}
            probes = [container[key] for key in container if key.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= ports, name
    for item in build:
        spec = item.get("spec", {})
        if item["kind"] in ("HorizontalPodAutoscaler",):
            assert (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) in there
        elif item["kind"] in ("Service", "PodDisruptionBudget"):
            wanted = spec["selector"].get("matchLabels", spec["selector"])
            assert any(wanted.items() <= own.items() for own in labels.values()), item["metadata"]


def reached(policies: list[Object], labels: Object) -> list[Object]:
    """The policies that are about a pod."""
    found = []
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        same = selector.get("matchLabels", {}).items() <= labels.items()
        if same and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])):
            found.append(policy)
    return found


def test_calls_find_their_way_through_the_policies(build: list[Object]) -> None:
    """Whom the facade's settings name, and whom the proxies, they may call, and others may not."""
    policies = [item for item in build if item["kind"] == "NetworkPolicy"]
    by_name = {name: (labels, spec) for name, labels, spec in pods(build)}
    settings = environment(by_name["facade"][1]["containers"][0])
    front = [settings[f"PROMPTWEAVE_{name}"].split(":") for name in ("COMPILER", "INFERENCE")]
    calls = [("facade", name, int(port)) for name, port in front]
    if "balancer" in by_name:
        calls += [("balancer", name, port) for name in ("compiler", "inference") for port in (9090,)]
        calls += [("balancer", "compiler", 50051), ("balancer", "inference", 50052)]
    for caller, called, port in calls:
        labels = by_name[called][0]
        ports = {one["name"]: one["containerPort"] for c in by_name[called][1]["containers"] for one in c["ports"]}
        assert port in ports.values()
        rules_in = chain.from_iterable(policy["spec"].get("ingress", []) for policy in reached(policies, labels))
        rules_out = chain.from_iterable(policy["spec"].get("egress", []) for policy in reached(policies, by_name[caller][0]))
        assert any(admits(rule, "from", by_name[caller][0], port, ports) for rule in rules_in), (caller, called, port)
        assert any(admits(rule, "to", labels, port, ports) for rule in rules_out), (caller, called, port)
    for called in ("compiler", "inference"):
        labels = by_name[called][0]
        rules = list(chain.from_iterable(policy["spec"].get("ingress", []) for policy in reached(policies, labels)))
        for stranger in by_name.keys() - {caller for caller, name, _ in calls if name == called}:
            assert not any(admits(rule, "from", by_name[stranger][0], 50051, {"grpc": 50051}) for rule in rules), stranger


def test_who_traces_reaches_the_collector(build: list[Object]) -> None:
    """It is in a namespace of its own, and has a name."""
    policies = [item for item in build if item["kind"] == "NetworkPolicy"]
    for name, labels, spec in pods(build):
        endpoint = environment(spec["containers"][0]).get("OTEL_EXPORTER_OTLP_ENDPOINT")
        rules = list(chain.from_iterable(policy["spec"].get("egress", []) for policy in reached(policies, labels)))
        elsewhere = [
            (peer["namespaceSelector"]["matchLabels"], rule["ports"])
            for rule in rules
            for peer in rule["to"]
            if "namespaceSelector" in peer
        ]
        to_collector = [ports for found, ports in elsewhere if "promptweave.dev/collects-traces" in found]
        assert to_collector == ([[{"port": urlsplit(endpoint).port}]] if endpoint else []), name
        if endpoint:
            asked = [ports for found, ports in elsewhere if found == {"kubernetes.io/metadata.name": "kube-system"}]
            assert [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}] in asked, name


def admits(rule: Object, side: str, other: Object, port: int, names: dict[str, int]) -> bool:
    """Whether a rule lets a pod with the labels `other` call, or be called, at the port."""
    peers = [peer["podSelector"].get("matchLabels", {}) for peer in rule.get(side, []) if "podSelector" in peer]
    ports = [names.get(one["port"], one["port"]) for one in rule["ports"]]
    return port in ports and any(peer.items() <= other.items() for peer in peers)


def test_a_stop_is_waited_for(build: list[Object]) -> None:
    for name, _, spec in pods(build):
        (container,) = spec["containers"]
        grace = float(environment(container).get("PROMPTWEAVE_SHUTDOWN_TIMEOUT", 90))
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        # What ends after the grace: last words of the facade, and the engine.
        assert spec["terminationGracePeriodSeconds"] >= before + grace + 10, name


def test_services_of_grpc_are_headless(build: list[Object]) -> None:
    for item in build:
        if item["kind"] == "Service" and item["metadata"]["name"] != "facade":
            assert item["spec"]["clusterIP"] == "None"
