import pytest
from builders import make_episode
from stored import StoredWorld, interrupted
from world import make_plan

from flywheel.store.whole import open_store
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.rescue import plan_rescue
from flywheel.upkeep.verify import verify


class UncommittedError(Exception):
    """The process is gone."""


def uncommitted(root, *, transaction, iterations=1):
    """A run that died just before it committed the transaction."""
    world = StoredWorld(root)
    commit = world.episodes.commit

    class Episodes(type(world.episodes)):
        def commit(self, parts, *, transaction):
            if transaction == stopped:
                raise UncommittedError
            return commit(parts, transaction=transaction)

    stopped = transaction
    world.episodes = Episodes(objects=world.store.objects)
    with pytest.raises(UncommittedError):
        world.run(iterations=iterations)
    return open_store(str(root))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The episodes of a run that nothing happened to."""
    world = StoredWorld(tmp_path_factory.mktemp("undisturbed") / "store")
    world.run(iterations=1)
    return world.episodes.summaries()


@pytest.mark.parametrize(
    "transaction",
    ["0000-ingest", "0000-evaluate-first", "0001-collect", "0001-evaluate-008", "0001-evaluate-016", "0001-final"],
)
def test_what_a_stage_made_whole_is_committed_as_the_stage_would_have(tmp_path, undisturbed, transaction):
    root = tmp_path / "store"
    store = uncommitted(root, transaction=transaction)
    inspection = verify(store)
    assert not inspection.damaged
    rescues = plan_rescue(store, inspection.ledger, make_plan())
    assert [rescue.transaction for rescue in rescues] == [transaction]
    repair(store, plan_repair(store, inspection, rescues))
    world = StoredWorld(root)
    collectors = world.ports().collectors
    world.run(iterations=1, collectors=collectors)
    asked = {request.episode_id for requests, _ in collectors.asked for request in requests}
    assert not asked & {episode.episode_id for rescue in rescues for episode in rescue.episodes}
    assert world.episodes.summaries() == undisturbed
    assert not verify(world.store).damaged


def test_what_a_stage_made_in_part_is_left_to_the_stage(tmp_path):
    store = uncommitted(tmp_path / "store", transaction="0001-collect")
    newest = {file.key for file in store.tables["episodes"].files(None)}
    spare = [key for key in store.objects.keys("episodes/part-") if key not in newest]
    assert len(spare) == 2
    store.objects.delete(spare[0])
    assert plan_rescue(store, verify(store).ledger, make_plan()) == []


def test_a_part_that_is_there_twice_in_other_files_is_committed_once(tmp_path):
    store = uncommitted(tmp_path / "store", transaction="0001-collect")
    newest = {file.key for file in store.tables["episodes"].files(None)}
    spare = [key for key in store.objects.keys("episodes/part-") if key not in newest]
    (first, *_) = store.episodes.of_file(spare[0])
    store.episodes.write([first])
    inspection = verify(store)
    repair(store, plan_repair(store, inspection, plan_rescue(store, inspection.ledger, make_plan())))
    assert not verify(store).damaged
    assert store.episodes.committed("0001-collect") is not None


def test_episodes_that_no_stage_asks_for_are_left_alone(store):
    store.episodes.write([make_episode(episode_id="nobody asked")])
    assert plan_rescue(store, verify(store).ledger, make_plan()) == []


def test_what_is_committed_already_is_not_rescued(tmp_path):
    store = interrupted(tmp_path / "store", at="iterations/0001/collect").store
    assert plan_rescue(store, verify(store).ledger, make_plan()) == []
