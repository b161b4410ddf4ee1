"""Secrets that the chart makes: strong, once, and the same after an upgrade."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import serving
from charts import CHART, HELMS, NAMESPACE, RELEASE, Manifest, case, only, run
from fastapi import FastAPI, HTTPException

BUNDLED = "bundled-s3-values.yaml"


def secrets(manifests: list[Manifest]) -> dict[str, dict[str, str]]:
    """By name, readable."""
    return {
        one["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in one["data"].items()}
        for one in manifests
        if one["kind"] == "Secret"
    }


def test_they_are_long_and_no_two_installations_share_them():
    first, second = secrets(case(BUNDLED, HELMS[0])), secrets(case(BUNDLED, HELMS[1]))
    assert set(first) == set(second) == {"wheel-flywheel-api", "wheel-flywheel-storage"}
    assert first["wheel-flywheel-api"]["token"].startswith("fw_")
    for name, keys in first.items():
        for key, value in keys.items():
            assert len(value) >= (20 if key == "AWS_ACCESS_KEY_ID" else 40)
            assert value != second[name][key]


def test_the_stores_own_file_has_the_same_keys():
    keys = secrets(case(BUNDLED))["wheel-flywheel-storage"]
    (identity,) = json.loads(keys["s3.json"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
    ]


def test_helm_leaves_them_where_they_are():
    for one in case(BUNDLED):
        if one["kind"] == "Secret":
            assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def discovery(manifests: list[Manifest]) -> dict[str, Any]:
    """What a cluster that knows the kinds of these objects answers to who asks for kinds."""
    kinds: dict[str, dict[str, Any]] = {}
    for one in manifests:
        plural = re.sub("y$", "ie", one["kind"].lower()) + "s"
        shown = {"name": plural, "singularName": "", "namespaced": True, "kind": one["kind"], "verbs": ["get"]}
        kinds.setdefault(one["apiVersion"], {})[plural] = shown
    groups = [
        {"name": name.split("/")[0], "versions": [version], "preferredVersion": version}
        for name in kinds
        if "/" in name
        for version in [{"groupVersion": name, "version": name.split("/")[1]}]
    ]
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        **{
            f"/{'apis' if '/' in name else 'api'}/{name}": {
                "kind": "APIResourceList",
                "groupVersion": name,
                "resources": list(resources.values()),
            }
            for name, resources in kinds.items()
        },
    }


@contextmanager
def cluster(kept: list[Manifest], folder: Path) -> Iterator[Path]:
    """As much of Kubernetes' API as `lookup` asks, with these secrets. A kubeconfig of it."""
    app = FastAPI()
    answers = {**discovery(case(BUNDLED)), "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}}
    for one in kept:
        answers[f"/api/v1/namespaces/{NAMESPACE}/secrets/{one['metadata']['name']}"] = one

    @app.get("/{path:path}")
    def answer(path: str) -> Any:
        if f"/{path}" not in answers:
            raise HTTPException(404)
        return answers[f"/{path}"]

    with serving(app) as url:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "a", "cluster": {"server": url}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": NAMESPACE}}],
            "users": [{"name": "a", "user": {}}],
            "current-context": "a",
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        yield path


def rendered_on(kubeconfig: Path, helm: str) -> list[Manifest]:
    """As an upgrade would. Helm 3 asks a cluster for its kinds only when it installs."""
    known = "--api-versions=ray.io/v1/RayService"
    asked = ["template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--dry-run=server", "--is-upgrade", known]
    values = str(CHART / "ci" / BUNDLED)
    text = run(*asked, "-f", values, f"--kubeconfig={kubeconfig}", "--disable-openapi-validation", helm=helm)
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one is not None]


@pytest.mark.parametrize("helm", HELMS)
def test_an_upgrade_keeps_them(helm: str, tmp_path: Path):
    kept = [one for one in case(BUNDLED) if one["kind"] == "Secret"]
    with cluster(kept, tmp_path) as kubeconfig:
        assert secrets(rendered_on(kubeconfig, helm)) == secrets(kept)


@pytest.mark.parametrize("helm", HELMS)
def test_an_upgrade_makes_what_is_missing(helm: str, tmp_path: Path):
    """As after a signing key was in a secret of its own."""
    kept = json.loads(json.dumps([one for one in case(BUNDLED) if one["kind"] == "Secret"]))
    before = secrets(kept)
    del next(one for one in kept if "token" in one["data"])["data"]["signing-key"]
    with cluster(kept, tmp_path) as kubeconfig:
        after = secrets(rendered_on(kubeconfig, helm))
    assert after["wheel-flywheel-api"]["token"] == before["wheel-flywheel-api"]["token"]
    assert len(after["wheel-flywheel-api"]["signing-key"]) >= 32
    assert after["wheel-flywheel-storage"] == before["wheel-flywheel-storage"]


def test_the_service_takes_them():
    """The signing key's length is checked when the service starts."""
    keys = secrets(case(BUNDLED))["wheel-flywheel-api"]
    assert len(keys["signing-key"]) >= 32
    pod = only(case(BUNDLED), "RayService")["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]
    named = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["key"]
        for one in pod["containers"][0]["env"]
        if "valueFrom" in one
    }
    assert {named["FLYWHEEL_BOOTSTRAP_TOKEN"], named["FLYWHEEL_SIGNING_KEY"]} == set(keys)
