import pickle

import pytest
from fakes import MemoryCheckpoints

from flywheel.core.errors import CheckpointError
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


def test_each_that_is_passed_over_is_told_with_its_reason(saved):
    checkpoints, folder = saved
    next(folder.glob("*-learner.safetensors")).unlink()
    told = []
    wanted = IDENTITY | {"seed": 8, "mixture": {"demonstration": 1.0}}
    assert checkpoints.newest("p0001", identity=IDENTITY, refuse=told.append) == (500, files(500))
    assert len(told) == 1
    assert told[0].startswith("checkpoints/p0001/000001000/ is not gone on from: ")
    assert told[0].endswith("file learner.safetensors is missing")
    told.clear()
    assert checkpoints.newest("p0001", identity=wanted, below=600, refuse=told.append) is None
    assert told == [
        "checkpoints/p0001/000000500/ is not gone on from: it was made from other things: "
        "mixture.demonstration was 0.5, is 1.0; seed was 7, is 8"
    ]


def test_only_earlier_ones_than_asked_count(checkpoints):
    for update in (500, 1000):
        checkpoints.save("p0001", update, files(update), identity=IDENTITY)
    assert checkpoints.newest("p0001", identity=IDENTITY, below=1000) == (500, files(500))
    assert checkpoints.newest("p0001", identity=IDENTITY, below=500) is None


def test_a_checkpoint_that_its_proof_refuses_is_not_there(checkpoints):
    def refuse(read):
        assert read == files(500)
        raise CheckpointError("it does not restore")

    with pytest.raises(CheckpointError, match="it does not restore"):
        checkpoints.save("p0001", 500, files(500), identity=IDENTITY, proof=refuse)
    assert checkpoints.newest("p0001", identity=IDENTITY) is None


class Lossy(LocalFolder):
    """Loses the last byte of what it writes, once, as a full disk may."""

    lost = False

    def put(self, key, data):
        super().put(key, data if self.lost else data[:-1])
        self.lost = True


def test_what_comes_back_otherwise_than_it_was_written_is_not_there(tmp_path):
    checkpoints = ObjectCheckpoints(objects=Lossy(root=tmp_path))
    with pytest.raises(CheckpointError, match="file learner.safetensors has 10 bytes, its manifest says 11"):
        checkpoints.save("p0001", 500, files(500), identity=IDENTITY)
    assert checkpoints.newest("p0001", identity=IDENTITY) is None
    checkpoints.save("p0001", 500, files(500), identity=IDENTITY)
    assert checkpoints.newest("p0001", identity=IDENTITY) == (500, files(500))
