import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from stored import flip, tree

from flywheel.core.commands import iterations, policies, webhooks
from flywheel.core.delivery import Delivery, DeliveryState, attempts_of, delivery_key
from flywheel.core.entry import Action, Entry, chapter_key, entry_key
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
def first(store):
    """The number of the first entry after those of the run."""
    return len(RecordedChronicle(records=store.records).control().entries)


@pytest.fixture
def told(store, first):
    """A finished run, another iteration that was begun, a version that a person made live, and one delivery."""
    chronicle = RecordedChronicle(records=store.records)

    def add(command, *arguments, **values):
        chronicle.append(lambda control: command(control, *arguments, by="token:ann", **values))

    add(webhooks.create, "ci", url="https://ci.example/", actions=[Action.POLICY_PROMOTED])
    add(iterations.request, overrides={}, max_queued=1)
    add(iterations.start, 3, owner="here")
    add(policies.promote, "policy-0001", reason="it is gentler")
    add(iterations.finish, 3, state="failed", reason="no more disk")
    add(iterations.request, overrides={}, max_queued=1)
    store.records.write(f"{attempts_of('ci', 3)}000001", {"at": DELIVERED.at})
    store.records.write(delivery_key("ci", 3), DELIVERED.plain)
    return store


def entry_path(folder, number):
    return folder / f"records/chronicle/{number:08d}.json"


def problems(store):
    return {finding.key: finding.problem for finding in verify(store, quick=True).of(Kind.DAMAGE)}


def test_a_store_with_a_chronicle_and_deliveries_is_whole(told, first):
    found = verify(told)
    assert found.findings == ()
    assert len(told.records.keys("chronicle/")) == first + 6
    assert plan_repair(told, found).empty
    assert plan_garbage(told, rollback_versions=1, grace=timedelta(0), now=datetime.now(UTC)).garbage == ()


@pytest.mark.parametrize("place", [-7, 0, 4])
def test_a_gap_is_damage_that_only_a_copy_mends(told, folder, first, place):
    entry_path(folder, first + place).unlink()
    key = f"records/chronicle/{first + place:08d}.json"
    assert problems(told) == {key: f"missing, or cannot be read: there are entries up to {entry_key(first + 5)}"}
    before = tree(folder)
    plan = plan_repair(told, verify(told))
    assert plan.empty
    assert [finding.key for finding in plan.beyond] == [key]
    assert repair(told, plan) is None
    assert tree(folder) == before


def test_an_edited_entry_is_named_once_and_not_moved(told, folder, first):
    flip(entry_path(folder, first + 2), at=-200)
    (problem,) = problems(told).values()
    assert problem.startswith("damaged")
    plan = plan_repair(told, verify(told))
    assert (plan.moves, [finding.key for finding in plan.beyond]) == ((), [f"records/{entry_key(first + 2)}.json"])


def rewritten(folder, place, **changes):
    path = entry_path(folder, place)
    content = {**json.loads(path.read_text())["content"], **changes}
    path.write_bytes(seal({name: value for name, value in content.items() if value is not ...}, name="entry"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"number": 7}, "damaged: not an entry (ValueError: it says that it is entry 7)"),
        ({"claim": ...}, "damaged: not an entry (KeyError: 'claim')"),
        ({"subject": "iterations/9"}, "damaged: it contradicts the entries before it (KeyError: 9)"),
        ({"action": "iteration.approved"}, "damaged: it contradicts the entries before it (ChronicleError"),
    ],
)
def test_an_entry_that_is_none_is_named(told, folder, first, changes, problem):
    rewritten(folder, first + 4, **changes)
    ((key, found),) = problems(told).items()
    assert key == f"records/{entry_key(first + 4)}.json"
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
    (path,) = (folder / "policies/policy-0001").glob("*-weights")
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


def test_a_chapter_that_is_no_copy_of_the_entries_is_moved_away(told, first):
    entries = [told.records.read(entry_key(number)) for number in range(first + 6)]
    told.records.write(chapter_key(0), {"entries": entries[:4]})
    assert problems(told) == {}
    told.records.write(chapter_key(4), {"entries": entries[5:]})
    told.records.write(chapter_key(9), {"entries": None})
    told.records.write("chapters/x", {"entries": []})
    wrong = ["records/chapters/00000004.json", "records/chapters/00000009.json", "records/chapters/x.json"]
    assert problems(told) == dict.fromkeys(wrong, "damaged: it does not hold what the entries say")
    plan = plan_repair(told, verify(told))
    assert sorted(move.key for move in plan.moves) == wrong
    repair(told, plan)
    assert not verify(told).damaged
    assert told.records.keys("chapters/") == [chapter_key(0)]
