"""Commands of the chart's jobs, run with the environment of their containers, against real S3."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from charts import Manifest, given, only
from s3_store import new_store
from seaweed import ACCESS_KEY, SECRET_KEY, Seaweed
from test_migration import STORE

from flywheel.store import identity
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import Objects, open_objects

MINIMAL = "minimal-values.yaml"
SECRET = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def job(store: str, server: Seaweed, values: Mapping[str, Any], kind: str) -> Manifest:
    """The pod of a job on the store."""
    at = {"store": {"url": store, "endpoint": server.endpoint, "existingSecret": "store"}}
    spec = only(given(MINIMAL, {**at, **values}), kind)["spec"]
    found: Manifest = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
    return found


def ran(pod: Manifest, flywheel: Any, monkeypatch: pytest.MonkeyPatch, secrets: Mapping[str, Mapping[str, str]]) -> Any:
    """Exit code, standard output and error of its container, with the values of the secrets that it names."""
    (container,) = pod["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "flywheel"
    with monkeypatch.context() as own:
        for name in SECRET:
            own.delenv(name, raising=False)
        for one in container["env"]:
            if one["value" if "value" in one else "name"].startswith("/"):
                continue  # Folders of a pod of its own.
            named = one.get("valueFrom", {}).get("secretKeyRef")
            own.setenv(one["name"], one["value"] if named is None else secrets[named["name"]][named["key"]])
        return flywheel(*arguments)


@pytest.fixture
def old(s3_store: str, tmp_path: Path) -> Objects:
    """A store of schema version 2."""
    with tarfile.open(STORE) as archive:
        archive.extractall(tmp_path, filter="data")
    source, objects = LocalFolder(root=tmp_path), open_objects(s3_store)
    for key in source.keys(""):
        objects.put(key, source.get(key))
    return objects


def test_before_an_upgrade_an_older_store_is_migrated_and_before_the_next_one_left_alone(
    old: Objects, s3_store: str, seaweed: Seaweed, flywheel: Any, monkeypatch: pytest.MonkeyPatch
):
    pod = job(s3_store, seaweed, {}, "Job")
    code, out, _ = ran(pod, flywheel, monkeypatch, {"store": SECRET})
    assert (code, out.splitlines()[0]) == (0, "from schema version 2 to 3:")
    before = {entry.key: entry.modified_at for entry in old.entries("")}
    code, out, _ = ran(pod, flywheel, monkeypatch, {"store": SECRET})
    assert (code, out.splitlines()[0].partition(":")[0]) == (0, "nothing to do")
    assert {entry.key: entry.modified_at for entry in old.entries("")} == before


def test_a_store_that_is_still_empty_is_no_reason_not_to_go_on(
    s3_store: str, seaweed: Seaweed, flywheel: Any, monkeypatch: pytest.MonkeyPatch
):
    code, out, _ = ran(job(s3_store, seaweed, {}, "Job"), flywheel, monkeypatch, {"store": SECRET})
    assert (code, out.partition(":")[0]) == (0, "nothing to do")
    assert not list(open_objects(s3_store).keys(""))


def test_before_a_downgrade_a_newer_store_is_refused_with_what_to_do(
    old: Objects, s3_store: str, seaweed: Seaweed, flywheel: Any, monkeypatch: pytest.MonkeyPatch
):
    whole = json.loads(old.get("flywheel.json"))
    old.put("flywheel.json", json.dumps({**whole, "schema_version": identity.STORE_VERSION + 1}).encode())
    code, _, err = ran(job(s3_store, seaweed, {}, "Job"), flywheel, monkeypatch, {"store": SECRET})
    assert code == 2
    assert "use a newer flywheel" in err


def test_copies_are_kept_with_credentials_that_only_the_backup_has(
    old: Objects,
    s3_store: str,
    seaweed: Seaweed,
    fragile_seaweed: Seaweed,
    flywheel: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    """Keys of the one are not those of the other: each place refuses what is not its own."""
    vault = new_store(fragile_seaweed)
    backup = {"enabled": True, "target": vault, "existingSecret": "copies", "endpoint": fragile_seaweed.endpoint}
    pod = job(s3_store, seaweed, {"backup": backup}, "CronJob")
    code, out, err = ran(pod, flywheel, monkeypatch, {"store": SECRET, "copies": SECRET})
    assert (code, err) == (0, ""), err
    assert out.startswith("point ")
    wrong = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "of somebody else"}
    for secrets, place in (({"store": wrong, "copies": SECRET}, s3_store), ({"store": SECRET, "copies": wrong}, vault)):
        code, _, err = ran(pod, flywheel, monkeypatch, secrets)
        assert code != 0
        assert f"{place}/" in err
        assert "the secret key is wrong" in err
