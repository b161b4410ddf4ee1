import pickle

import pytest
from fakes import MemoryCheckpoints

from flywheel.store.checkpoints import ObjectCheckpoints
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import open_objects

IDENTITY = {"seed": 7, "versions": (3, 4), "mixture": {"demonstration": 0.5}}


def files(update: int) -> dict[str, bytes]:
    return {"learner.safetensors": f"weights {update}".encode(), "state.json": b"{}"}


@pytest.fixture(params=["memory", "folder", "s3"])
def checkpoints(request, tmp_path):
    if request.param == "memory":
        return MemoryCheckpoints()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return ObjectCheckpoints(objects=open_objects(store))


@pytest.fixture
def saved(tmp_path):
    """Stored checkpoints at updates 500 and 1000, and the folder of the newer."""
    checkpoints = ObjectCheckpoints(objects=LocalFolder(root=tmp_path))
    for update in (500, 1000):
        checkpoints.save("p0001", update, files(update), identity=IDENTITY)
    return checkpoints, tmp_path / "checkpoints/p0001/000001000"


def test_the_newest_comes_back_by_number_not_by_time(checkpoints):
    for update in (500, 10_000, 9_500):
        checkpoints.save("p0001", update, files(update), identity=IDENTITY)
    assert checkpoints.newest("p0001", identity=IDENTITY) == (10_000, files(10_000))


def test_there_is_none_before_the_first(checkpoints):
    assert checkpoints.newest("p0001", identity=IDENTITY) is None
    checkpoints.delete("p0001")


def test_other_policies_and_other_trainings_do_not_count(checkpoints):
    checkpoints.save("p0001", 500, files(500), identity=IDENTITY)
    checkpoints.save("p0001", 1000, files(1000), identity=IDENTITY | {"seed": 8})
    assert checkpoints.newest("p0001", identity=IDENTITY) == (500, files(500))
    assert checkpoints.newest("p0001", identity=IDENTITY | {"seed": 9}) is None
    assert checkpoints.newest("p0002", identity=IDENTITY) is None


def test_a_checkpoint_of_the_same_update_is_replaced(checkpoints):
    checkpoints.save("p0001", 500, files(1), identity=IDENTITY | {"seed": 8})
    checkpoints.save("p0001", 500, {"learner.safetensors": b"new"}, identity=IDENTITY)
    assert checkpoints.newest("p0001", identity=IDENTITY) == (500, {"learner.safetensors": b"new"})


def test_deleted_checkpoints_are_gone_and_the_others_stay(checkpoints):
    for policy_id in ("p0001", "p00011"):
        checkpoints.save(policy_id, 500, files(500), identity=IDENTITY)
    checkpoints.delete("p0001")
    assert checkpoints.newest("p0001", identity=IDENTITY) is None
    assert checkpoints.newest("p00011", identity=IDENTITY) == (500, files(500))


def test_deletion_leaves_no_file(saved):
    checkpoints, folder = saved
    checkpoints.delete("p0001")
    assert [path for path in folder.parent.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("victim", ["manifest.json", "*-learner.safetensors"])
@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_damaged_and_unfinished_checkpoints_are_skipped(saved, victim, damage):
    checkpoints, folder = saved
    path = next(folder.glob(victim))
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert checkpoints.newest("p0001", identity=IDENTITY) == (500, files(500))


def test_checkpoints_travel_to_other_processes(saved):
    assert pickle.loads(pickle.dumps(saved[0])).newest("p0001", identity=IDENTITY) == (1000, files(1000))
