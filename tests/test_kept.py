from fakes import MemoryRecords
from runs import write_iteration
from stored import interrupted

from flywheel.loop import history
from flywheel.upkeep.kept import kept, live_policies


def test_live_versions_come_newest_first_and_once():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    write_iteration(records, 1, [35, 30], live=[40, 30], promote=False, live_after="policy-0000")
    write_iteration(records, 2, [49, 45], live=[41, 31])
    assert live_policies(history(records.read)) == ["policy-0002", "policy-0000"]


def test_a_run_without_a_live_version_keeps_what_the_last_iteration_names(tmp_path):
    found = kept(interrupted(tmp_path / "store", at="iterations/0000/train").store, rollback_versions=2)
    assert found.policies == ()
    assert found.in_training == "policy-0000"
    assert found.versions == {"episodes": {1}, "labels": {1}}


def test_after_a_finished_iteration_the_next_is_in_training(store):
    assert kept(store, rollback_versions=0).in_training == "policy-0003"
