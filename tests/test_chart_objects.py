"""The chart's objects: valid, restricted, labelled, and without a secret where one could be read."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from charts import CASES, NAMESPACE, RELEASE, Manifest, case, given, named, only, pods, visit

SCHEMA = Path(__file__).parent / "kuberay" / "rayservice-v1.json"
FOREIGN = {"PodMonitor", "PrometheusRule", "HTTPRoute"}
"""Whose schemas nobody packages: only what is ours in them is tested."""
KUBERNETES = ("1.28", "1.37")
CLAIMED = {"data"}
"""Volumes of the StatefulSet's claim."""
MATRIX = pytest.mark.parametrize("name", CASES)


def strict(schema: Any) -> Any:
    """Refuses keys that it does not know, as the API server only warns of."""
    if isinstance(schema, dict):
        closed = {key: strict(value) for key, value in schema.items()}
        return closed | ({"additionalProperties": False} if _names_its_keys(closed) else {})
    return [strict(value) for value in schema] if isinstance(schema, list) else schema


def _names_its_keys(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema


@pytest.fixture(scope="module")
def rayservice() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(strict(json.loads(SCHEMA.read_text(encoding="utf-8"))))


@MATRIX
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_them(name: str, version: str):
    for manifest in case(name):
        if manifest["kind"] not in {"RayService", *FOREIGN}:
            kubernetes_validate.validate(manifest, version, strict=True)


@MATRIX
def test_kuberay_takes_them(name: str, rayservice: jsonschema.Draft202012Validator):
    for manifest in case(name):
        if manifest["kind"] == "RayService":
            rayservice.validate(manifest)


def test_the_schema_of_kuberay_is_strict(rayservice: jsonschema.Draft202012Validator):
    manifest = json.loads(json.dumps(only(case("minimal-values.yaml"), "RayService")))
    manifest["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = (
        "Never"
    )
    with pytest.raises(jsonschema.ValidationError, match="imagePullPolice"):
        rayservice.validate(manifest)


@MATRIX
def test_kubernetes_takes_the_pods_of_ray(name: str):
    """KubeRay's schema knows no limits that Kubernetes has for pods."""
    for place, pod in pods(case(name)).items():
        whole = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {"name": "a", **pod["metadata"]}}
        try:
            kubernetes_validate.validate(whole, KUBERNETES[-1], strict=True)
        except kubernetes_validate.ValidationError as failure:
            pytest.fail(f"{place}: {failure}")


@MATRIX
def test_every_pod_is_restricted(name: str):
    for place, pod in pods(case(name)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], place
        assert spec["securityContext"]["runAsUser"] > 0, place
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, place
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), place
        assert all(set(volume) & {"emptyDir", "secret", "configMap"} for volume in spec["volumes"]), place
        for container in spec["containers"]:
            _check_container(container, place)


@MATRIX
def test_the_autoscaler_is_restricted(name: str):
    for manifest in case(name):
        if manifest["kind"] == "RayService":
            beside = manifest["spec"]["rayClusterConfig"]["autoscalerOptions"]
            _check_container(beside, "autoscaler")


def _check_container(container: Manifest, place: str) -> None:
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False, place
    assert security["readOnlyRootFilesystem"] is True, place
    assert security["runAsNonRoot"] is True, place
    assert security["capabilities"] == {"drop": ["ALL"]}, place
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}, place
    assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]], place
    assert {"cpu", "memory"} <= set(container["resources"]["requests"]), place
    assert "memory" in container["resources"]["limits"], place


@MATRIX
def test_only_the_head_may_ask_kubernetes_anything(name: str):
    for place, pod in pods(case(name)).items():
        asks = "headGroupSpec" in place
        assert pod["spec"]["automountServiceAccountToken"] is asks, place


@MATRIX
def test_a_pod_of_ray_has_time_to_end_and_is_probed(name: str):
    for manifest in case(name):
        for pod in pods([manifest]).values() if manifest["kind"] == "RayService" else ():
            assert pod["spec"]["terminationGracePeriodSeconds"] >= 60
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(pod["spec"]["containers"][0])


@MATRIX
def test_all_are_labelled_and_of_the_release(name: str):
    for manifest in case(name):
        metadata = manifest["metadata"]
        assert metadata["namespace"] == NAMESPACE
        assert metadata["labels"]["app.kubernetes.io/name"] == "flywheel"
        assert metadata["labels"]["app.kubernetes.io/instance"] == RELEASE
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", metadata["name"])
        assert len(metadata["name"]) <= 63
    assert len(named(case(name))) == len(case(name))


@MATRIX
def test_labels_of_pods_do_not_change_with_the_version(name: str):
    for place, pod in pods(case(name)).items():
        if not place.startswith("Pod/"):
            assert not {"app.kubernetes.io/version", "helm.sh/chart"} & set(pod["metadata"]["labels"]), place


SECRET = re.compile("TOKEN|SECRET|PASSWORD|KEY", re.IGNORECASE)


@MATRIX
def test_secrets_come_from_secrets(name: str):
    plain: list[str] = []

    def seen(node: Manifest) -> None:
        if isinstance(node.get("name"), str) and "value" in node and SECRET.search(node["name"]):
            plain.append(node["name"])

    visit(case(name), seen)
    assert not plain


@MATRIX
def test_what_is_generated_is_in_no_other_object(name: str):
    generated = [value for one in case(name) if one["kind"] == "Secret" for value in one["data"].values()]
    others = json.dumps([one for one in case(name) if one["kind"] != "Secret"])
    assert not [value for value in generated if value in others]


@MATRIX
def test_what_pods_refer_to_is_there_or_named_by_the_values(name: str):
    """Secrets of values, and Ray's services, which KubeRay makes, are not the chart's."""
    manifests = case(name)
    accounts = {one["metadata"]["name"] for one in manifests if one["kind"] == "ServiceAccount"}
    maps = {one["metadata"]["name"] for one in manifests if one["kind"] == "ConfigMap"}
    for place, pod in pods(manifests).items():
        spec = pod["spec"]
        assert spec["serviceAccountName"] in accounts, place
        mounted = {mount["name"] for one in spec["containers"] for mount in one["volumeMounts"]}
        assert mounted <= {volume["name"] for volume in spec["volumes"]} | CLAIMED, place
        assert maps >= {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume}, place


@MATRIX
def test_policies_and_budgets_select_pods_that_there_are(name: str):
    manifests = case(name)
    labels = [pod["metadata"]["labels"] for pod in pods(manifests).values()]
    for manifest in manifests:
        if manifest["kind"] in {"NetworkPolicy", "PodDisruptionBudget", "Service"}:
            spec = manifest["spec"]
            wanted = spec.get("podSelector") or spec.get("selector")
            wanted = wanted.get("matchLabels", wanted)
            assert any(wanted.items() <= found.items() for found in labels), manifest["metadata"]["name"]


@MATRIX
def test_every_pod_has_a_network_policy(name: str):
    manifests = case(name)
    policies = [one["spec"]["podSelector"] for one in manifests if one["kind"] == "NetworkPolicy"]
    for place, pod in pods(manifests).items():
        labels = pod["metadata"]["labels"]
        assert any(_selects(policy, labels) for policy in policies), place


def _selects(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector["matchLabels"].items() <= labels.items()
    return wanted and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


@MATRIX
def test_budgets_say_what_kubernetes_can_count(name: str):
    """Of pods whose owner has no scale, only a whole `minAvailable` works."""
    for manifest in case(name):
        if manifest["kind"] == "PodDisruptionBudget":
            assert isinstance(manifest["spec"]["minAvailable"], int)
            assert "maxUnavailable" not in manifest["spec"]


def test_alerts_are_those_that_prometheus_takes(tmp_path: Path):
    rules = only(case("everything-values.yaml"), "PrometheusRule")["spec"]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    try:
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs Debian's package prometheus")
    assert done.returncode == 0, done.stderr
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    assert not [rule for rule in alerts if "runbook_url" in rule["annotations"]]


@pytest.mark.parametrize("runbooks", ["https://git.example.com/flywheel", "https://git.example.com/flywheel/"])
def test_alerts_lead_to_the_runbooks_where_these_are(runbooks: str):
    rules = only(given("everything-values.yaml", {"metrics.prometheusRule.runbooks": runbooks}), "PrometheusRule")
    for group in rules["spec"]["groups"]:
        for rule in group["rules"]:
            address = rule["annotations"]["runbook_url"]
            assert address.startswith("https://git.example.com/flywheel/docs/runbooks.md#")
