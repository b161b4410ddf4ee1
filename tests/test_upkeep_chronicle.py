import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from stored import flip, tree

from flywheel.core.commands import iterations, policies, webhooks
from flywheel.core.delivery import Delivery, DeliveryState, delivery_key
from flywheel.core.entry import Action, Entry, entry_key
from flywheel.core.errors import StoreError
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.folder import LocalFolder
from flywheel.store.sealed import seal
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.garbage import plan_garbage
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.verify import verify

DELIVERED = Delivery(
    webhook="ci",
    entry=3,
    state=DeliveryState.DELIVERED,
    attempts=1,
    status=204,
    problem="",
    at="2026-01-05T09:00:00Z",
)


@pytest.fixture
def told(store):
    """A finished run of three iterations with ten entries each, a webhook, an iteration that waits, and one delivery."""
    chronicle = RecordedChronicle(records=store.records)

    def add(command, *arguments, **values):
        chronicle.append(lambda control: command(control, *arguments, by="token:ann", **values))

    add(webhooks.create, "ci", url="https://ci.example/", actions=[Action.POLICY_PROMOTED])
    add(iterations.request, overrides={}, max_queued=1)
    store.records.write(delivery_key("ci", 3), DELIVERED.plain)
    return store


def entry_path(folder, number):
    return folder / f"records/chronicle/{number:08d}.json"


def problems(store):
    return {finding.key: finding.problem for finding in verify(store, quick=True).of(Kind.DAMAGE)}


def test_a_store_with_a_chronicle_and_deliveries_is_whole(told):
    found = verify(told)
    assert found.findings == ()
    assert found.counts["records"] == 19 + 32 + 1
    assert plan_repair(told, found).empty
    assert plan_garbage(told, rollback_versions=1, grace=timedelta(0), now=datetime.now(UTC)).garbage == ()


@pytest.mark.parametrize("number", [0, 12, 30])
def test_a_gap_is_damage_that_only_a_copy_mends(told, folder, number):
    entry_path(folder, number).unlink()
    key = f"records/chronicle/{number:08d}.json"
    assert problems(told) == {key: "missing, or cannot be read: there are entries up to chronicle/00000031"}
    before = tree(folder)
    plan = plan_repair(told, verify(told))
    assert plan.empty
    assert [finding.key for finding in plan.beyond] == [key]
    assert repair(told, plan) is None
    assert tree(folder) == before


def test_an_edited_entry_is_named_once_and_not_moved(told, folder):
    flip(entry_path(folder, 2), at=-200)
    (problem,) = problems(told).values()
    assert problem.startswith("damaged")
    plan = plan_repair(told, verify(told))
    assert (plan.moves, [finding.key for finding in plan.beyond]) == ((), ["records/chronicle/00000002.json"])


def rewritten(folder, place, **changes):
    path = entry_path(folder, place)
    content = {**json.loads(path.read_text())["content"], **changes}
    path.write_bytes(seal({name: value for name, value in content.items() if value is not ...}, name="entry"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"number": 7}, "damaged: not an entry (ValueError: it says that it is entry 7)"),
        ({"action": "iteration.eaten"}, "damaged: not an entry (ValueError: 'iteration.eaten' is not a valid Action)"),
        ({"claim": ...}, "damaged: not an entry (KeyError: 'claim')"),
        ({"mood": "good"}, "damaged: not an entry (TypeError"),
        ({"subject": "iterations/9"}, "damaged: it contradicts the entries before it (KeyError: 9)"),
        ({"action": "iteration.approved"}, "damaged: it contradicts the entries before it (ChronicleError"),
    ],
)
def test_an_entry_that_is_none_is_named(told, folder, changes, problem):
    rewritten(folder, 4, **changes)
    ((key, found),) = problems(told).items()
    assert key == "records/chronicle/00000004.json"
    assert found.startswith(problem)
    assert plan_repair(told, verify(told)).moves == ()


def test_nothing_is_deleted_while_nobody_can_tell_what_is_live(told, folder):
    entry_path(folder, 3).unlink()
    with pytest.raises(StoreError, match=r"chronicle/00000003.json: missing.*Nobody can tell what must be kept"):
        plan_garbage(told, rollback_versions=0, grace=timedelta(0), now=datetime.now(UTC))


def test_a_damaged_delivery_is_moved_away_so_that_it_is_made_again(told, folder):
    flip(folder / "records/deliveries/ci/00000003.json", at=-50)
    plan = plan_repair(told, verify(told))
    assert [move.key for move in plan.moves] == ["records/deliveries/ci/00000003.json"]
    repair(told, plan)
    assert not verify(told).damaged
    assert told.records.read(delivery_key("ci", 3)) is None


def test_a_delivery_without_what_it_must_hold_is_named(told):
    told.records.write(delivery_key("ci", 5), {"webhook": "ci", "entry": 5})
    assert problems(told) == {
        "records/deliveries/ci/00000005.json": "damaged: it does not hold state, attempts, status, problem, at"
    }


def test_what_is_live_by_the_chronicle_is_not_taken_out_of_the_way(told, folder):
    chronicle = RecordedChronicle(records=told.records)
    chronicle.append(partial(policies.promote, policy_id="policy-0000", by="token:ann", reason="it is gentler"))
    (path,) = (folder / "policies/policy-0000").glob("*-weights")
    flip(path, at=0)
    plan = plan_repair(told, verify(told))
    assert plan.moves == ()
    assert [finding.key for finding in plan.beyond] == [str(path.relative_to(folder))]


def test_an_entry_that_a_listing_passed_over_is_no_gap(told, folder):
    class Hasty(LocalFolder):
        """Lists all records but one that was being written."""

        def keys(self, prefix):
            hidden = f"records/{entry_key(4)}.json"
            return iter(key for key in super().keys(prefix) if key != hidden or prefix == hidden)

    assert problems(replace(told, objects=Hasty(root=folder))) == {}


def test_entries_come_back_as_they_were_recorded(told):
    record = told.records.read(entry_key(3))
    assert Entry.of(record).plain == record
    assert Delivery.of(told.records.read(delivery_key("ci", 3))) == DELIVERED
