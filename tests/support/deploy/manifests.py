"""The manifests of deploy/kubernetes: the files, and the output of kustomize."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = [folder.name for folder in sorted((KUBERNETES / "overlays").iterdir())]
COMPONENTS = [folder.name for folder in sorted((KUBERNETES / "components").iterdir())]
FILES = [
    file
    for file in sorted([*KUBERNETES.rglob("*.yaml"), *(DEPLOY / "haproxy").glob("*.yaml")])
    if file.name not in ("kustomization.yaml", "prometheus-adapter.yaml")
]

Object = dict[str, Any]


def read(text: str) -> list[Object]:
    """The objects in a file."""
    return [item for item in yaml.safe_load_all(text) if item]


def built(overlay: str, components: list[str], folder: Path) -> list[Object]:
    """An overlay with components, built by kubectl. Skips where there is none."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not installed")
    # kustomize takes paths that are relative, and none through links.
    up = Path(*[".."] * len(folder.resolve().parts[1:])) / KUBERNETES.resolve().relative_to("/")
    kustomization = {
        "resources": [str(up / "overlays" / overlay)],
        "components": [str(up / "components" / component) for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    done = subprocess.run(
        [kubectl, "kustomize", "."], capture_output=True, text=True, cwd=folder.resolve(), timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return read(done.stdout)


def pods(objects: list[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Each workload's name, labels and pod's spec."""
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            template = item["spec"]["template"]
            yield item["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def claims(objects: list[Object], name: str) -> set[str]:
    """The volumes that each of a StatefulSet's pods gets for itself."""
    own = [item for item in objects if item["kind"] == "StatefulSet" and item["metadata"]["name"] == name]
    return {claim["metadata"]["name"] for item in own for claim in item["spec"].get("volumeClaimTemplates", [])}


def containers(spec: Object) -> list[Object]:
    """All of a pod's."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Object) -> dict[str, str]:
    """The variables that have a value in the manifest."""
    return {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
