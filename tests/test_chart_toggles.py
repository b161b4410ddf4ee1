"""What each toggle of the chart adds, takes away or changes."""

import json
from typing import Any

import pytest
import yaml
from charts import CASES, CHART, Manifest, case, given, named, only, pods

MINIMAL, PRODUCTION, EXISTING = "minimal-values.yaml", "production-values.yaml", "existing-ray-values.yaml"
BUNDLED, AIR_GAPPED, EVERYTHING = "bundled-s3-values.yaml", "air-gapped-values.yaml", "everything-values.yaml"
MONITORS = {f"PodMonitor/wheel-flywheel-{name}" for name in ("api", "endpoint", "ray")}
PAGES = {
    f"ConfigMap/wheel-flywheel-dashboard-{name}"
    for name in ("cluster", "data", "endpoint", "learning", "loop", "success")
}
ADDED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "ingress": ({"api.ingress": {"enabled": True, "host": "a.example"}}, {"Ingress/wheel-flywheel"}),
    "gateway": ({"api.httpRoute": {"enabled": True, "parentRefs": [{"name": "g"}]}}, {"HTTPRoute/wheel-flywheel"}),
    "monitors": ({"metrics.podMonitor.enabled": True}, MONITORS),
    "alerts": ({"metrics.prometheusRule.enabled": True}, {"PrometheusRule/wheel-flywheel-alerts"}),
    "dashboards": ({"dashboards.enabled": True}, PAGES),
    "backup": ({"backup": {"enabled": True, "target": "s3://b/c"}}, {"CronJob/wheel-flywheel-backup"}),
    "serve": (
        {"ray.serve": {"replicas": 2, "minReplicas": 2, "maxReplicas": 2}},
        {"PodDisruptionBudget/wheel-flywheel-serve"},
    ),
}
TAKEN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "network": (
        {"networkPolicy.enabled": False},
        {"NetworkPolicy/wheel-flywheel-ray", "NetworkPolicy/wheel-flywheel-jobs"},
    ),
    "budgets": (
        {"podDisruptionBudget.enabled": False},
        {"PodDisruptionBudget/wheel-flywheel-head", "PodDisruptionBudget/wheel-flywheel-train"},
    ),
    "migration": ({"migration.enabled": False}, {"Job/wheel-flywheel-migrate"}),
    "account": ({"serviceAccount.create": False}, {"ServiceAccount/wheel-flywheel"}),
    "secrets": (
        {"api.token.existingSecret": "a", "api.signingKey.existingSecret": "b"},
        {"Secret/wheel-flywheel-api"},
    ),
}


@pytest.mark.parametrize(("values", "added"), ADDED.values(), ids=ADDED)
def test_what_a_toggle_adds(values: dict[str, Any], added: set[str]):
    assert set(named(given(MINIMAL, values))) - set(named(case(MINIMAL))) == added


@pytest.mark.parametrize(("values", "taken"), TAKEN.values(), ids=TAKEN)
def test_what_a_toggle_takes_away(values: dict[str, Any], taken: set[str]):
    assert set(named(case(MINIMAL))) - set(named(given(MINIMAL, values))) == taken


def test_a_bundled_store_has_a_volume_and_keys_of_its_own():
    found = named(case(BUNDLED))
    name = "wheel-flywheel-storage"
    assert {
        f"{kind}/{name}" for kind in ("StatefulSet", "Service", "Secret", "NetworkPolicy", "PodDisruptionBudget")
    } <= set(found)
    (claim,) = found[f"StatefulSet/{name}"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
    env = environment(case(BUNDLED))
    assert env["AWS_ENDPOINT_URL"] == f"http://{name}:8333"
    assert env["AWS_SECRET_ACCESS_KEY"] == {"name": name, "key": "AWS_SECRET_ACCESS_KEY"}


def test_an_external_store_is_reached_with_the_secret_that_was_named():
    env = environment(case(MINIMAL))
    assert env["AWS_ACCESS_KEY_ID"] == {"name": "store", "key": "AWS_ACCESS_KEY_ID"}
    assert "AWS_ENDPOINT_URL" not in env
    assert not [name for name in named(case(MINIMAL)) if "storage" in name]


def test_where_a_role_is_enough_there_are_no_keys():
    assert "AWS_ACCESS_KEY_ID" not in environment(case(PRODUCTION))
    (arn,) = only(case(PRODUCTION), "ServiceAccount")["metadata"]["annotations"].values()
    assert arn.endswith("role/flywheel")


def test_a_private_authority_is_mounted_where_it_is_said_to_be():
    for pod in pods(given(MINIMAL, {"store.caSecret": "ca"})).values():
        (container,) = pod["spec"]["containers"]
        said = [one["value"] for one in container["env"] if one["name"] == "FLYWHEEL_S3_CA_FILE"]
        mounted = [mount["mountPath"] + "/ca.crt" for mount in container["volumeMounts"] if mount["name"] == "store-ca"]
        assert said == mounted


def test_groups_of_pods_are_for_what_they_do():
    cluster = only(case(PRODUCTION), "RayService")["spec"]["rayClusterConfig"]
    head, groups = cluster["headGroupSpec"], {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert [(name, group["minReplicas"], group["maxReplicas"]) for name, group in groups.items()] == [
        ("serve", 2, 4),
        ("rollout", 1, 32),
        ("train", 2, 2),
    ]
    gpus = {name: container(group)["resources"]["limits"].get("nvidia.com/gpu") for name, group in groups.items()}
    assert gpus == {"serve": None, "rollout": None, "train": 1}
    assert container(groups["train"])["image"] == "registry.example.com/robots/flywheel:0.1.0-cuda"
    assert container(groups["serve"])["image"].startswith("registry.example.com/robots/flywheel@sha256:")
    assert groups["rollout"]["template"]["spec"]["tolerations"][0]["key"] == "spot"
    assert "tolerations" not in groups["serve"]["template"]["spec"]
    assert groups["serve"]["template"]["spec"]["priorityClassName"] == "flywheel-critical"


def test_a_head_that_survives_keeps_what_it_knows_in_redis():
    options = only(case(PRODUCTION), "RayService")["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"]
    assert options["redisAddress"] == "rediss://redis.databases:6380"
    assert options["redisPassword"]["valueFrom"]["secretKeyRef"] == {"name": "redis", "key": "redis-password"}
    assert 6380 in ports_out(case(PRODUCTION))
    assert "gcsFaultToleranceOptions" not in only(case(MINIMAL), "RayService")["spec"]["rayClusterConfig"]


@pytest.mark.parametrize(("on", "mode"), [(True, "token"), (False, "disabled")])
def test_ray_asks_for_a_token_unless_told_otherwise(on: bool, mode: str):
    cluster = only(given(MINIMAL, {"ray.tokenAuth": on}), "RayService")["spec"]["rayClusterConfig"]
    assert cluster["authOptions"] == {"mode": mode}


def test_without_autoscaling_nobody_asks_kubernetes():
    manifests = given(MINIMAL, {"ray.autoscaling": False})
    cluster = only(manifests, "RayService")["spec"]["rayClusterConfig"]
    assert cluster["enableInTreeAutoscaling"] is False
    assert "autoscalerOptions" not in cluster
    assert not [pod for pod in pods(manifests).values() if pod["spec"]["automountServiceAccountToken"]]


def test_an_existing_cluster_gets_a_job_and_no_pods_of_ray():
    kinds = {manifest["kind"] for manifest in case(EXISTING)}
    assert kinds == {"ConfigMap", "Job", "NetworkPolicy", "Pod", "Secret", "ServiceAccount"}
    asked = only(case(EXISTING), "Job", "submit")["metadata"]["name"]
    changed = only(given(EXISTING, {"loop.gate.max_pairs": 20}), "Job", "submit")["metadata"]["name"]
    same = only(given(EXISTING, {"tests.iteration": False}), "Job", "submit")["metadata"]["name"]
    assert asked == same != changed
    assert {8265, 8000, 9000} <= ports_out(case(EXISTING))


@pytest.mark.parametrize("name", CASES)
def test_images_are_of_one_registry_and_by_digest_where_it_is_asked(name: str):
    for pod in pods(case(name)).values():
        for one in pod["spec"]["containers"]:
            if name == AIR_GAPPED:
                assert one["image"].startswith("registry.internal:5000/mirror/")
                assert "@sha256:" in one["image"]
                assert pod["spec"]["imagePullSecrets"] == [{"name": "mirror"}]
            assert not one["image"].endswith((":latest", ":"))


def test_who_may_reach_what():
    (policy,) = [
        one
        for one in case(PRODUCTION)
        if one["metadata"]["name"] == "wheel-flywheel-ray" and one["kind"] == "NetworkPolicy"
    ]
    by_ports = [{port["port"] for port in rule.get("ports", ())} for rule in policy["spec"]["ingress"]]
    assert by_ports == [set(), {8265, 8000}, {8000}, {8000, 8080}]
    assert all(rule["from"] for rule in policy["spec"]["ingress"])
    text = json.dumps(policy["spec"]["ingress"][2])
    assert "ingress-nginx" in text
    assert '"app.kubernetes.io/component": "test"' in text


def test_nothing_leaves_an_air_gapped_cluster():
    cidrs = [
        peer["ipBlock"]["cidr"]
        for one in case(AIR_GAPPED)
        if one["kind"] == "NetworkPolicy"
        for rule in one["spec"].get("egress", ())
        for peer in rule.get("to", ())
        if "ipBlock" in peer
    ]
    assert set(cidrs) == {"10.96.0.1/32"}
    assert all(
        rule.get("to") for one in case(AIR_GAPPED) if one["kind"] == "NetworkPolicy" for rule in one["spec"]["egress"]
    )


def test_what_is_scraped_has_the_labels_that_dashboards_and_alerts_go_by():
    monitors = [one for one in case(PRODUCTION) if one["kind"] == "PodMonitor"]
    found = {}
    for monitor in monitors:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        labels = {rule["targetLabel"]: rule["replacement"] for rule in endpoint["relabelings"]}
        assert labels["flywheel"] == "arm-cell-3"
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        found[labels["job"]] = (endpoint["path"], endpoint["port"], "authorization" in endpoint)
    assert found == {
        "flywheel": ("/metrics", "serve", True),
        "flywheel-endpoint": ("/policy/metrics", "serve", True),
        "flywheel-ray": ("/metrics", "metrics", False),
    }


def test_a_backup_is_one_at_a_time_of_the_store_that_the_loop_has():
    job = only(case(PRODUCTION), "CronJob")["spec"]
    (found,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    store, target = "s3://robots/arm-cell-3", "s3://robots-backup/arm-cell-3"
    assert found["command"] == ["flywheel", "backup", "make", store, target, "--keep", "14"]
    assert job["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("name", CASES)
def test_a_store_is_migrated_before_the_pods_of_another_version_start(name: str):
    job = only(case(name), "Job", "migrate")
    annotations = job["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-upgrade,pre-rollback"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    (found,) = job["spec"]["template"]["spec"]["containers"]
    assert found["command"][:2] == ["flywheel", "migrate"]
    assert found["command"][2] in json.dumps(case(name)).replace(json.dumps(job), "")
    assert found["terminationMessagePolicy"] == "FallbackToLogsOnError"


COPIES = {"enabled": True, "target": "s3://b/c"}


def vault_env(backup: dict[str, Any], name: str = MINIMAL) -> dict[str, Any]:
    """What the backup alone is told, without the prefix."""
    manifests = given(name, {"backup": {**COPIES, **backup}})
    found = {}
    for place, pod in pods(manifests).items():
        for one in pod["spec"]["containers"][0]["env"]:
            if one["name"].startswith("FLYWHEEL_BACKUP_"):
                assert place.startswith("CronJob/")
                value = one["value"] if "value" in one else one["valueFrom"]["secretKeyRef"]["name"]
                found[one["name"].removeprefix("FLYWHEEL_BACKUP_")] = value
    return found


def test_copies_are_reached_as_the_store_is_unless_told_otherwise():
    assert vault_env({}) == {}
    keys = {"AWS_ACCESS_KEY_ID": "store", "AWS_SECRET_ACCESS_KEY": "store"}
    assert vault_env({"region": "eu-west-1"}) == {"AWS_REGION": "eu-west-1", **keys}


def test_copies_elsewhere_have_credentials_of_their_own():
    keys = {"AWS_ACCESS_KEY_ID": "copies", "AWS_SECRET_ACCESS_KEY": "copies", "AWS_REGION": "us-east-1"}
    assert vault_env({"existingSecret": "copies"}) == keys
    elsewhere = {"existingSecret": "copies", "endpoint": "https://safe:9443"}
    assert vault_env(elsewhere) == {**keys, "AWS_ENDPOINT_URL": "https://safe:9443"}
    assert vault_env({"existingSecret": "copies"}, BUNDLED)["AWS_ENDPOINT_URL"] == "http://wheel-flywheel-storage:8333"
    assert 9443 in ports_out(given(MINIMAL, {"backup": {**COPIES, **elsewhere}}))


def test_the_authority_of_copies_elsewhere_is_mounted_where_it_is_said_to_be():
    assert vault_env({"caSecret": "ca"}) == {"S3_CA_FILE": "/etc/flywheel/backup/ca.crt"}
    job = only(given(MINIMAL, {"backup": {**COPIES, "caSecret": "ca"}}), "CronJob")["spec"]["jobTemplate"]
    mounts = {one["name"]: one["mountPath"] for one in container(job["spec"])["volumeMounts"]}
    volumes = {one["name"]: one for one in job["spec"]["template"]["spec"]["volumes"]}
    assert mounts["backup-ca"] == "/etc/flywheel/backup"
    assert volumes["backup-ca"]["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


def test_where_the_cluster_chooses_users_none_is_said():
    for pod in pods(given(EVERYTHING, {"podSecurity.fixedIds": False})).values():
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"]
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(security)


def test_of_rays_series_those_are_kept_that_a_prometheus_without_an_operator_keeps():
    monitor = named(case(PRODUCTION))["PodMonitor/wheel-flywheel-ray"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    ours = [(rule["regex"], rule["action"]) for rule in endpoint["metricRelabelings"]]
    prometheus = yaml.safe_load((CHART.parent.parent / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = [job for job in prometheus["scrape_configs"] if job["job_name"] == "flywheel-ray"]
    assert ours == [(rule["regex"], rule["action"]) for rule in job["metric_relabel_configs"]]


def test_dashboards_are_found_by_grafana():
    pages = [one for one in case(EVERYTHING) if one["kind"] == "ConfigMap" and "dashboard" in one["metadata"]["name"]]
    assert len(pages) == len(PAGES)
    for page in pages:
        assert page["metadata"]["labels"]["grafana_dashboard"] == "1"
        ((name, text),) = page["data"].items()
        assert json.loads(text)["uid"] == name.removesuffix(".json")


def environment(manifests: list[Manifest]) -> dict[str, Any]:
    """Of Ray's head: values, or the secrets that they are in."""
    head = only(manifests, "RayService")["spec"]["rayClusterConfig"]["headGroupSpec"]
    return {
        one["name"]: one["value"] if "value" in one else one["valueFrom"]["secretKeyRef"]
        for one in container(head)["env"]
    }


def container(group: Manifest) -> Manifest:
    (found,) = group["template"]["spec"]["containers"]
    return found


def ports_out(manifests: list[Manifest]) -> set[int]:
    policies = [one["spec"] for one in manifests if one["kind"] == "NetworkPolicy"]
    return {port["port"] for spec in policies for rule in spec["egress"] for port in rule.get("ports", ())}
