"""What the chart gives to Ray Serve is what `flywheel serve-config` prints; the loop's upgrades change only that."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import CASES, CHART, Manifest, case, given, only, render, run, served
from ray.serve.schema import ServeDeploySchema

from flywheel.config import Config, parse
from flywheel.hosting.description import serve_config

MINIMAL = "minimal-values.yaml"
SERVED = [name for name in CASES if name != "existing-ray-values.yaml"]


def settings_of(serving: dict[str, Any]) -> Config:
    (application,) = serving["applications"]
    return parse(application["args"]["config"], origin="the chart")


@pytest.mark.parametrize("name", SERVED)
def test_it_is_what_the_command_prints(name: str):
    serving = served(case(name))
    (application,) = serving["applications"]
    store, config = application["args"]["store"], settings_of(serving)
    application["args"]["config"] = config.model_dump(mode="json")
    assert serving == serve_config(config, store)


@pytest.mark.parametrize("name", SERVED)
def test_ray_serve_takes_it(name: str):
    ServeDeploySchema.model_validate(served(case(name)))


def test_it_holds_what_was_given_to_the_last_digit():
    config = settings_of(served(case("production-values.yaml")))
    given_ = yaml.safe_load((CHART / "ci" / "production-values.yaml").read_text(encoding="utf-8"))["loop"]
    assert config == parse(given_, origin="given")
    assert config.storage.spool_bytes == 4_000_000_000


def test_an_existing_cluster_is_given_the_same():
    (asked,) = [
        one["data"]["serve.json"] for one in case("existing-ray-values.yaml") if "serve.json" in one.get("data", {})
    ]
    config = settings_of(json.loads(asked))
    assert config == settings_of(served(case(MINIMAL)))


def cluster_of(manifests: list[Manifest]) -> Manifest:
    """The RayService without what Ray Serve runs."""
    found = deepcopy(only(manifests, "RayService"))
    del found["spec"]["serveConfigV2"]
    return found


LOOP_VALUES = {
    "loop.collect.episodes_per_task": 7,
    "loop.gate.max_pairs": 400,
    "loop.train.learning_rate": [0.001],
    "loop.control.requests_per_minute": 60,
    "loop.resources.num_collectors": 8,
}


@pytest.mark.parametrize(("path", "value"), LOOP_VALUES.items())
def test_an_upgrade_of_the_loop_keeps_the_cluster(path: str, value: float):
    after = given(MINIMAL, {path: value})
    assert cluster_of(after) == cluster_of(case(MINIMAL))
    assert served(after) != served(case(MINIMAL))


@pytest.mark.parametrize(
    ("path", "value"), {"ray.rollout.maxReplicas": 9, "image.tag": "0.2.0", "ray.shmSize": "4Gi"}.items()
)
def test_an_upgrade_of_the_cluster_keeps_the_loop(path: str, value: Any):
    after = given(MINIMAL, {path: value})
    assert cluster_of(after) != cluster_of(case(MINIMAL))
    assert served(after) == served(case(MINIMAL))


@pytest.mark.parametrize(
    ("path", "value"),
    {"tests.iteration": False, "commonLabels": {"a": "b"}, "dashboards.enabled": True, "backup.keep": 3}.items(),
)
def test_what_is_beside_changes_neither(path: str, value: Any):
    after = only(given(MINIMAL, {path: value}), "RayService")
    assert after["spec"] == only(case(MINIMAL), "RayService")["spec"]


def test_another_version_of_the_chart_alone_keeps_both(tmp_path: Path):
    run("package", str(CHART), "--version=9.9.9", f"--destination={tmp_path}")
    after = render("-f", str(CHART / "ci" / MINIMAL), chart=next(tmp_path.iterdir()))
    assert only(after, "RayService")["spec"] == only(case(MINIMAL), "RayService")["spec"]
    assert after != case(MINIMAL)


def test_the_port_is_the_same_everywhere():
    manifests = given("everything-values.yaml", {"loop.control.port": 9123})
    text = json.dumps([one for one in manifests if one["kind"] != "ConfigMap"])
    assert served(manifests)["http_options"]["port"] == 9123
    assert "9123" in text
    for kind in ("Ingress", "HTTPRoute", "Pod"):
        assert "9123" in json.dumps(only(manifests, kind))
        assert "8000" not in json.dumps(only(manifests, kind))
