import pickle
from hashlib import sha256

import pytest
from factories import policy_version
from fakes import MemoryPolicies

from flywheel.core.errors import CheckpointError, RecordExistsError
from flywheel.store.folder import LocalFolder
from flywheel.store.kept_files import KeptFiles
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies

FILES = {"weights.safetensors": bytes(range(256)), "contract.json": b"{}", "empty": b""}


@pytest.fixture(params=["memory", "folder", "s3"])
def policies(request, tmp_path):
    if request.param == "memory":
        return MemoryPolicies()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return ObjectPolicies(objects=open_objects(store))


@pytest.fixture
def saved(tmp_path):
    """Stored policies, the folder of p0003, and the file that holds its weights."""
    policies = ObjectPolicies(objects=LocalFolder(root=tmp_path))
    policies.save(policy_version(), FILES)
    folder = tmp_path / "policies/p0003"
    return policies, folder, next(folder.glob("*-weights.safetensors"))


class CrashError(Exception):
    pass


class CrashingFolder(LocalFolder):
    """Fails at the chosen write, as a killed process would."""

    def __init__(self, *, root, writes):
        super().__init__(root=root)
        self.writes = writes

    def put(self, key, data):
        self._count()
        super().put(key, data)

    def put_if_absent(self, key, data):
        self._count()
        super().put_if_absent(key, data)

    def _count(self):
        if not self.writes:
            raise CrashError
        self.writes -= 1


def test_a_version_is_loaded_as_it_was_saved(policies):
    policies.save(policy_version(), FILES)
    assert policies.load("p0003") == FILES
    assert policies.version("p0003") == policy_version()


def test_a_version_knows_the_recalls_that_counted(policies):
    policies.save(policy_version(recalls=(2, 5)), FILES)
    assert policies.version("p0003").recalls == (2, 5)


def test_the_first_version_has_no_parent(policies):
    policies.save(policy_version("p0000", parent=None, iteration=0), FILES)
    assert policies.version("p0000").parent is None


def test_a_version_that_was_never_saved_is_not_there(policies):
    assert policies.version("p0003") is None
    with pytest.raises(CheckpointError, match=r"p0003.*never finished"):
        policies.load("p0003")


def test_a_finished_version_is_never_replaced(policies):
    policies.save(policy_version(), FILES)
    with pytest.raises(RecordExistsError, match="p0003"):
        policies.save(policy_version(digest="f" * 64), {"weights.safetensors": b"other"})
    assert policies.load("p0003") == FILES
    assert policies.version("p0003") == policy_version()


@pytest.mark.parametrize("writes", range(4))
def test_a_crash_leaves_no_version_and_the_next_attempt_replaces_what_it_left(tmp_path, writes):
    crashing = ObjectPolicies(objects=CrashingFolder(root=tmp_path, writes=writes))
    with pytest.raises(CrashError):
        crashing.save(policy_version(), {name: data + b"crashed" for name, data in FILES.items()})
    policies = ObjectPolicies(objects=LocalFolder(root=tmp_path))
    assert policies.version("p0003") is None
    policies.save(policy_version(), FILES)
    assert policies.load("p0003") == FILES
    assert len(list((tmp_path / "policies/p0003").iterdir())) == len(FILES) + 1


def test_who_saves_at_the_same_time_and_loses_harms_nothing(tmp_path):
    class Overtaken(LocalFolder):
        """Another process finishes the version just before this one's manifest."""

        def put_if_absent(self, key, data):
            ObjectPolicies(objects=LocalFolder(root=tmp_path)).save(policy_version(), FILES)
            super().put_if_absent(key, data)

    with pytest.raises(RecordExistsError):
        ObjectPolicies(objects=Overtaken(root=tmp_path)).save(policy_version(), {"weights.safetensors": b"other"})
    assert ObjectPolicies(objects=LocalFolder(root=tmp_path)).load("p0003") == FILES


def test_who_is_overtaken_while_it_proves_its_files_says_that_another_was_first(tmp_path):
    policies = ObjectPolicies(objects=LocalFolder(root=tmp_path))

    def overtaken(read):
        ObjectPolicies(objects=LocalFolder(root=tmp_path)).save(policy_version(), FILES)
        raise CheckpointError("its files were removed")

    with pytest.raises(RecordExistsError, match=r"policies/p0003/manifest.json: is already there, written by process"):
        policies.save(policy_version(), {"weights.safetensors": b"other"}, proof=overtaken)
    assert policies.load("p0003") == FILES


def test_a_version_that_its_proof_refuses_is_not_there(policies):
    def refuse(read):
        assert read == FILES
        raise CheckpointError("it does not restore")

    with pytest.raises(CheckpointError, match="it does not restore"):
        policies.save(policy_version(), FILES, proof=refuse)
    assert policies.version("p0003") is None


def test_digests_are_those_of_what_is_stored(policies):
    policies.save(policy_version(), FILES)
    assert policies.digests("p0003") == {name: sha256(data).hexdigest() for name, data in FILES.items()}
    with pytest.raises(CheckpointError, match="p0004"):
        policies.digests("p0004")


def test_a_missing_file_is_named(saved):
    policies, _, weights = saved
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"policies/p0003/.*: file weights.safetensors is missing"):
        policies.load("p0003")


def test_a_file_of_another_size_is_named(saved):
    policies, _, weights = saved
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"file weights.safetensors has 100 bytes, its manifest says 256"):
        policies.load("p0003")


def test_a_file_with_a_flipped_bit_is_named(saved):
    policies, _, weights = saved
    data = bytearray(weights.read_bytes())
    data[17] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"file weights.safetensors is damaged: its sha256"):
        policies.load("p0003")


def test_a_damaged_manifest_is_named_and_its_version_is_still_not_replaced(saved):
    policies, folder, _ = saved
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"iteration": 3', '"iteration": 4'))
    for attempt in (policies.load, policies.version):
        with pytest.raises(CheckpointError, match=r"policies/p0003/manifest.json: damaged or edited"):
            attempt("p0003")
    with pytest.raises(CheckpointError, match=r"manifest.json"):
        policies.save(policy_version(), FILES)


def test_policies_travel_to_other_processes(saved):
    assert pickle.loads(pickle.dumps(saved[0])).load("p0003") == FILES


def test_of_a_version_that_was_loaded_on_this_machine_only_the_manifest_is_fetched_again(saved, tmp_path):
    stored, _, weights = saved
    policies = ObjectPolicies(objects=LocalFolder(root=tmp_path), kept=KeptFiles(folder=tmp_path / "kept"))
    assert policies.load("p0003") == FILES
    weights.unlink()
    assert policies.load("p0003") == FILES
    for looks_at_the_store in (policies.digests, stored.load):
        with pytest.raises(CheckpointError, match="is missing"):
            looks_at_the_store("p0003")
