"""What looks after a store does so in a bucket as in a folder."""

from datetime import UTC, datetime, timedelta

import pytest
from builders import make_episode
from stored import StoredWorld

from flywheel.lineage.episode import episode_lineage
from flywheel.lineage.policy import policy_lineage
from flywheel.lineage.recall import recall, recalls
from flywheel.store.whole import Store
from flywheel.upkeep.compaction import compact, plan_compaction
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.garbage import collect_garbage, plan_garbage
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.retention import leave_out
from flywheel.upkeep.verify import verify


@pytest.fixture
def turned(s3_store) -> Store:
    """A finished run in a bucket."""
    world = StoredWorld(s3_store)
    world.run(iterations=1)
    return world.store


def test_a_damaged_file_in_a_bucket_is_found_and_goes_to_quarantine(turned):
    assert verify(turned).findings == ()
    key = turned.tables["episodes"].files(None)[0].key
    data = turned.objects.get(key)
    turned.objects.put(key, data[:-1] + bytes([data[-1] ^ 1]))
    found = verify(turned)
    assert [finding.key for finding in found.of(Kind.DAMAGE)] == [key]
    record = turned.records.read(repair(turned, plan_repair(turned, found)))
    assert record["moved"][0]["key"] == key
    assert turned.objects.get(record["moved"][0]["to"])[:-1] == data[:-1]
    assert not any(turned.objects.keys(key))
    assert not verify(turned).damaged


def test_a_bucket_is_compacted_shortened_and_cleared_and_stays_whole(turned):
    before = turned.episodes.summaries()
    part = turned.episodes.write([make_episode(episode_id="never committed")])
    assert [some.files_after for some in compact(turned, plan_compaction(turned, target_bytes=10**9))] == [1, 1]
    assert turned.episodes.summaries() == before
    gone = before[0].episode_id
    assert [some.num_rows for some in leave_out(turned, frozenset({gone}), reason="retention")] == [2, 1]
    assert turned.episodes.summaries() == before[1:]
    garbage = plan_garbage(turned, rollback_versions=0, grace=timedelta(0), now=datetime.now(UTC) + timedelta(hours=1))
    assert f"episodes/{part.path}" in {some.entry.key for some in garbage.garbage}
    collect_garbage(turned, garbage)
    assert not any(turned.objects.keys(f"episodes/{part.path}"))
    assert not verify(turned).damaged


def test_lineage_and_recalls_are_told_of_a_bucket(turned):
    recall(turned, policies=["policy-0000"], episodes=[], reason="")
    assert [some.number for some in recalls(turned.records)] == [1]
    assert sum(row[-1] for row in policy_lineage(turned, "1").episodes) == 17
    first = turned.episodes.summaries()[0].episode_id
    assert episode_lineage(turned, first).trained == ("policy-0000", "policy-0001")
