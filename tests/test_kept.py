from functools import partial

from fakes import MemoryRecords
from runs import write_iteration
from stored import interrupted

from flywheel.core.commands.policies import promote, roll_back
from flywheel.core.control import Control
from flywheel.store.chronicle import RecordedChronicle
from flywheel.upkeep.kept import kept, live_policies
from flywheel.upkeep.ledger import Ledger


def test_live_versions_come_newest_first_and_once():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    write_iteration(records, 1, [35, 30], live=[40, 30], promote=False, live_after="policy-0000")
    write_iteration(records, 2, [49, 45], live=[41, 31])
    ledger = Ledger(records={key: records.read(key) for key in records.keys("")}, findings=(), control=Control())
    assert live_policies(ledger) == ["policy-0002", "policy-0000"]


def test_what_a_person_rolled_back_to_is_live_and_kept(store):
    chronicle = RecordedChronicle(records=store.records)
    for number in range(3):
        chronicle.append(partial(promote, policy_id=f"policy-{number:04d}", by="gate", reason="better"))
    chronicle.append(partial(roll_back, policy_id="policy-0000", by="token:ann", reason="it drops cups"))
    assert kept(store, rollback_versions=0).policies == ("policy-0000",)
    found = kept(store, rollback_versions=1)
    assert found.policies == ("policy-0000", "policy-0002")
    for policy_id in found.policies:
        assert store.policies.version(policy_id).trained_on["episodes"] in found.versions["episodes"]


def test_a_run_without_a_live_version_keeps_what_the_last_iteration_names(tmp_path):
    found = kept(interrupted(tmp_path / "store", at="iterations/0000/train").store, rollback_versions=2)
    assert found.policies == ()
    assert found.in_training == "policy-0000"
    assert found.versions == {"episodes": {1}, "labels": {1}}


def test_after_a_finished_iteration_the_next_is_in_training(store):
    assert kept(store, rollback_versions=0).in_training == "policy-0003"
