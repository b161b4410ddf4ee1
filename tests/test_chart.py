"""The chart as a whole: what Helm 3 and 4 make of it, what it refuses, and what in it is made from elsewhere."""

import tarfile
from pathlib import Path

import pytest
import yaml
from charts import CASES, CHART, HELMS, RefusedError, case, given, render, run, without_secrets

from helm import build
from helm.values import read

ENOUGH = ("--set=store.url=s3://bucket/prefix",)


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", CASES)
def test_helm_finds_nothing_to_complain_about(name: str, helm: str):
    assert "0 chart(s) failed" in run("lint", "--strict", str(CHART), "-f", str(CHART / "ci" / name), helm=helm)


@pytest.mark.parametrize("name", CASES)
def test_every_helm_renders_the_same(name: str):
    first, *others = [without_secrets(case(name, helm)) for helm in HELMS]
    assert first
    assert all(other == first for other in others)


def test_what_is_committed_is_what_is_built():
    found = {name: (CHART / name).read_text(encoding="utf-8") for name in build.built()}
    assert found == build.built(), "python -m helm.build"


def test_the_readme_tells_of_every_value():
    text = (CHART / "README.md").read_text(encoding="utf-8")
    values = read((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert all(f"`{'.'.join(value.path)}`" in text for value in values)
    assert len(values) > 100


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: 1\n", "a: a comment is needed"), ("# -- Some.\na: {}\n", "a: the comment must say its type")],
)
def test_a_value_without_a_word_is_refused(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        read(text)


def test_a_package_has_what_the_links_in_the_chart_lead_to_but_not_the_values_of_the_tests(tmp_path: Path):
    run("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        found = {
            member.name.removeprefix("flywheel/"): stream.read()
            for member in archive
            if (stream := archive.extractfile(member)) is not None
        }
    dashboards = CHART.parent.parent / "dashboards"
    linked = {f"files/dashboards/{path.name}": path for path in (dashboards / "json").iterdir()}
    linked["files/flywheel.rules.yaml"] = dashboards / "rules" / "flywheel.rules.yaml"
    assert {name: found[name] for name in linked} == {name: path.read_bytes() for name, path in linked.items()}
    assert not [name for name in found if name.startswith("ci/")]


def test_the_chart_is_of_the_version_of_flywheel():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = (CHART.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{chart["appVersion"]}"\n' in project
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert f'"ray[rllib,serve,train]=={values["ray"]["version"]}"' in project


TYPOS = {
    "replica=2": "replica",
    "ray.rollout.maxReplica=2": "maxReplica",
    "ray.rollout.maxReplicas=many": "maxReplicas",
    "loop.gate.max_pair=200": "max_pair",
    "loop.gate.margin=7": "margin",
    "image.pullPolicy=Sometimes": "pullPolicy",
    "ray.train.resources.request.cpu=1": "request",
    "global.imageRegistri=a": "imageRegistri",
    "ray.tmpSize=20GB": "tmpSize",
}


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(("typo", "said"), TYPOS.items())
def test_typos_are_refused_by_name(typo: str, said: str, helm: str):
    with pytest.raises(RefusedError, match=said):
        render(*ENOUGH, f"--set={typo}", helm=helm)


REFUSED = {
    "where everything is kept": (),
    "there is one store": (*ENOUGH, "--set=seaweedfs.enabled=true"),
    "is not s3://": ("--set=store.url=/data",),
    "it cannot be 0": (*ENOUGH, "--set=loop.control.port=0"),
    "wait for a GPU for ever": (*ENOUGH, "--set=loop.resources.use_gpu=true"),
    "the GPUs would idle": (*ENOUGH, "--set=ray.train.gpus=1"),
    "at least 60": (*ENOUGH, "--set=ray.terminationGracePeriodSeconds=30"),
    "replicas 9 must be from minReplicas 1 to maxReplicas 4": (*ENOUGH, "--set=ray.rollout.replicas=9"),
    "ray.existing.dashboard and ray.existing.url": (*ENOUGH, "--set=ray.enabled=false"),
    "say the host name": (*ENOUGH, "--set=api.ingress.enabled=true"),
    "say which gateway": (*ENOUGH, "--set=api.httpRoute.enabled=true"),
    "say where copies go": (*ENOUGH, "--set=backup.enabled=true"),
}


@pytest.mark.parametrize(("said", "arguments"), REFUSED.items())
def test_values_that_do_not_fit_are_refused_and_it_says_what_to_do(said: str, arguments: tuple[str, ...]):
    with pytest.raises(RefusedError, match=said):
        render(*arguments)


def test_an_existing_cluster_has_no_ingress_of_ours():
    with pytest.raises(RefusedError, match="beside the existing cluster"):
        given("existing-ray-values.yaml", {"api.ingress.enabled": True, "api.ingress.host": "a.example"})


@pytest.mark.parametrize("helm", HELMS)
def test_a_cluster_without_kuberay_is_told_what_it_lacks(helm: str):
    with pytest.raises(RefusedError, match="does not know RayService .*Install KubeRay's operator first"):
        render(*ENOUGH, helm=helm, known=())
    assert render(*ENOUGH, "--set=ray.requireCrds=false", helm=helm, known=())
    existing = (
        "--set=ray.enabled=false",
        "--set=ray.existing.dashboard=http://r:8265",
        "--set=ray.existing.url=http://r",
    )
    assert render(*ENOUGH, *existing, helm=helm, known=())


def test_the_notes_name_what_there_is():
    """By Helm 4: Helm 3 prints none without a cluster."""
    said = run("install", "wheel", str(CHART), "--dry-run=client", "--set=ray.requireCrds=false", *ENOUGH)
    notes = said.partition("NOTES:")[2]
    for there in ("rayservice/wheel-flywheel ", "service/wheel-flywheel-serve-svc ", "get secret wheel-flywheel-api "):
        assert there in notes
    assert "<no value>" not in said
    assert "%!" not in notes
