import json
import tarfile

import pytest
from stored import flip, tree
from test_migration import STORE


@pytest.fixture
def vault(tmp_path):
    return tmp_path / "vault"


@pytest.fixture
def old(tmp_path):
    """A store of schema version 2."""
    with tarfile.open(STORE) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


def test_a_point_is_made_listed_verified_and_restored(flywheel, folder, vault, tmp_path):
    code, out, err = flywheel("backup", "make", folder, vault, "--verify", "--keep", "3")
    assert (code, err) == (0, "")
    assert "0 older points went" in out
    name = out.split()[1].rstrip(":")
    code, out, _ = flywheel("backup", "list", vault)
    assert name in out
    code, out, _ = flywheel("backup", "verify", f"{vault}@{name}")
    assert (code, out.splitlines()[-1].endswith("all whole")) == (0, True)
    code, out, err = flywheel("restore", f"{vault}@{name}", tmp_path / "restored")
    assert (code, out.splitlines()[-1], err) == (0, "nothing is damaged", "")


def test_older_points_are_pruned(flywheel, folder, vault):
    for _ in range(3):
        flywheel("backup", "make", folder, vault)
    code, out, _ = flywheel("backup", "prune", vault, "--keep", "2", "--json")
    assert (code, len(json.loads(out)["points"])) == (0, 1)
    code, out, _ = flywheel("backup", "make", folder, vault, "--keep", "1", "--json")
    assert len(json.loads(out)["pruned"]["points"]) == 2
    assert len(list((vault / "points").iterdir())) == 1


def test_a_damaged_vault_is_told_with_exit_code_one(flywheel, folder, vault):
    flywheel("backup", "make", folder, vault)
    flip(next(vault.glob("objects/*/*")), at=0)
    code, out, _ = flywheel("backup", "verify", vault)
    assert (code, out.splitlines()[0]) == (1, "damaged:")
    assert "its sha256 is not its name" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("backup", "make", "{nothing}", "{vault}"), "no flywheel was ever run here"),
        (("backup", "make", "{folder}", "{folder}"), "a store is there; a backup needs a place of its own"),
        (("backup", "make", "{folder}", "{folder}/backup"), "lies in the store"),
        (("backup", "verify", "{vault}"), "there is no backup"),
        (("restore", "{vault}@then", "{nothing}"), "there is no backup"),
        (("restore", "@then", "{nothing}"), "give VAULT or VAULT@POINT"),
        (("migrate", "{nothing}"), "no flywheel was ever run here"),
    ],
)
def test_wrong_input_is_refused_with_exit_code_two_and_nothing_is_written(
    flywheel, folder, vault, tmp_path, arguments, problem
):
    before = tree(tmp_path)
    names = {"folder": folder, "vault": vault, "nothing": tmp_path / "nothing"}
    code, _, err = flywheel(*(argument.format(**names) for argument in arguments))
    assert code == 2
    assert problem in err
    assert tree(tmp_path) == before


def test_an_older_store_is_backed_up_and_migrated(flywheel, old, vault, tmp_path):
    code, _, err = flywheel("data", "verify", "--store", old)
    assert code == 2
    assert f"`flywheel backup make {old} VAULT`), then `flywheel migrate {old}`" in err
    assert flywheel("backup", "make", old, vault)[0] == 0
    before = tree(old)
    code, out, _ = flywheel("migrate", old, "--dry-run")
    assert (code, out.splitlines()[0]) == (0, "from schema version 2 to 3:")
    assert out.splitlines()[-1] == "nothing was changed; without --dry-run it is done"
    assert tree(old) == before
    assert flywheel("migrate", old)[1].splitlines()[-1] == "done"
    assert flywheel("data", "verify", "--store", old)[0] == 0
    code, out, _ = flywheel("migrate", old, "--json")
    assert (code, json.loads(out)) == (0, {"dry_run": False, "steps": []})
    assert flywheel("backup", "make", old, vault)[0] == 0


def test_where_a_new_store_will_do_there_is_nothing_to_migrate(flywheel, old, tmp_path):
    code, out, err = flywheel("migrate", tmp_path / "nothing", "--missing-ok")
    assert (code, out.splitlines()[-1].partition(":")[0], err) == (0, "nothing to do", "")
    assert not (tmp_path / "nothing").exists()
    assert flywheel("migrate", old, "--missing-ok")[1].splitlines()[-1] == "done"


def test_what_was_backed_up_before_a_migration_is_restored_and_then_migrated(flywheel, old, vault, tmp_path):
    flywheel("backup", "make", old, vault)
    code, out, _ = flywheel("restore", vault, tmp_path / "restored")
    assert (code, out.splitlines()[-1]) == (
        0,
        f"of schema version 2: `flywheel migrate {tmp_path / 'restored'}` is due",
    )
    assert flywheel("migrate", tmp_path / "restored")[0] == 0
    assert flywheel("data", "verify", "--store", tmp_path / "restored")[0] == 0
