import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from factories import random_episode, random_label
from library import Library

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Source
from flywheel.core.errors import ConfigError, EpisodeError
from flywheel.core.exclusion import Exclusion
from flywheel.core.mixture import Mixture
from flywheel.core.sampling import MemorySampler
from flywheel.core.transition import Transitions
from flywheel.workers.streaming import Schedule, StreamingSampler

BODY = Body(
    modalities={"tool": Modality(width=3), "gripper": Modality(width=1)}, differences={}, action_size=1, decision_s=0.1
)
CONTRACT = unite({"suite/reach": BODY, "suite/push": BODY})
RETURNS = {"contract": CONTRACT, "discount": 0.9, "num_steps": 2}
MIXTURE = Mixture(
    sources={"demonstration": 0.2, "collection": 0.5, "relabelled": 0.3},
    outcomes={"success": 2.0},
    half_life_iterations=1.0,
)
MEMORY = 500_000


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Twenty files of a block each: every fourth of demonstrations, the others collected, and some relabelled."""
    library = Library(tmp_path_factory.mktemp("store"))
    for number in range(20):
        made = [_episode(64 * number + row, number) for row in range(64)]
        labels = [random_label(episode, success=episode.seed % 3 == 0) for episode in made]
        labels += [random_label(episode, task="suite/push", success=False) for episode in made[::5]]
        library.add(made, labels=labels)
    return library


def _episode(seed, number):
    source = Source.COLLECTION if number % 4 else Source.DEMONSTRATION
    return random_episode(
        seed,
        num_decisions=2 + seed % 4,
        action_size=1,
        actions=np.full((2 + seed % 4, 1), seed / 2000, np.float32),
        episode_id=f"{number:04d}-{seed:06d}",
        source=source,
        iteration=number % 3 if number % 4 else 0,
        behaviour_policy=f"p{number}",
    )


def stream(library, **changes):
    settings = {"mixture": MIXTURE, "iteration": 3, "seed": 5, "batch_size": 64, "memory_bytes": MEMORY}
    return StreamingSampler(catalogue=library.catalogue, **library.versions, **RETURNS, **(settings | changes))


def memory(library):
    transitions = Transitions.of(library.episodes.read(), library.labels.read(), **RETURNS)
    return MemorySampler(transitions=transitions, mixture=MIXTURE, iteration=3, seed=5, batch_size=64)


def whole(batch):
    arrays = [*batch.observations.values(), *batch.next_observations.values()]
    arrays += [batch.tasks, batch.actions, batch.returns, batch.discounts, batch.cloned]
    return b"".join(values.tobytes() for values in arrays)


def rows(batch):
    """What each transition is, so that two samplers' draws can be compared."""
    columns = [batch.observations["tool"][:, 0], batch.next_observations["tool"][:, 0], batch.actions]
    columns += [values[:, None] for values in (batch.tasks, batch.returns, batch.discounts, batch.cloned)]
    return {row.tobytes() for row in np.concatenate(columns, axis=1).astype(np.float64)}


def test_the_window_holds_a_part_of_the_data(library):
    sampler = stream(library)
    assert 8 <= sampler.num_slots < 20


def test_a_batch_is_the_same_whatever_was_asked_for_before(library):
    going, other = stream(library), stream(library)
    batches = [whole(going.batch(number)) for number in range(60)]
    assert going.refresh_every < 15
    for number in (59, 3, 40, 0):
        assert whole(other.batch(number)) == batches[number]
        assert whole(stream(library).batch(number)) == batches[number]
    assert len(set(batches)) == 60


def test_workers_see_different_data(library):
    assert whole(stream(library, rank=1).batch(0)) != whole(stream(library).batch(0))


def test_what_is_drawn_is_what_would_be_in_memory(library):
    sampler = stream(library)
    known = rows(memory(library)._transitions.batch(np.arange(memory(library)._transitions.num_transitions)))
    for number in range(0, 100, 10):
        assert rows(sampler.batch(number)) <= known


def test_shares_are_those_of_all_the_data_and_draws_follow_them(library):
    expected = memory(library).shares
    streamed = stream(library, batch_size=512)
    for kind, some in expected.items():
        assert streamed.shares[kind] == pytest.approx(some)
    batches = [streamed.batch(number) for number in range(0, 200, 2)]
    tasks = np.concatenate([batch.tasks for batch in batches])
    # Of task 1 there are only relabelled episodes: 0.3. Neighbouring windows share blocks, hence the tolerance.
    assert np.mean(tasks == 1) == pytest.approx(0.3, abs=0.02)


def test_every_transition_is_drawn_in_the_end_by_its_chance(library):
    """Mean of something that differs from episode to episode, against its exact expectation."""
    reference = memory(library)
    transitions = reference._transitions
    exact = np.mean([reference.batch(number).actions.mean() for number in range(800)])
    streamed = stream(library, batch_size=64)
    found = np.mean([streamed.batch(number).actions.mean() for number in range(800)])
    assert transitions.actions.std() > 0.1
    assert found == pytest.approx(exact, abs=0.02)


def test_memory_stays_within_the_setting(library):
    budget = 600_000
    tracemalloc.start()
    try:
        sampler = stream(library, memory_bytes=budget)
        for number in range(60):
            sampler.batch(number)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sampler.window_bytes < peak < budget


def test_too_little_memory_is_refused_with_what_is_needed(library):
    with pytest.raises(ConfigError, match=r"train.memory_bytes: 50000 is too small to stream .* need (\d+) at least"):
        stream(library, memory_bytes=50_000)


def test_statistics_are_the_same_for_every_worker(library):
    first, second = (stream(library, rank=rank).statistics() for rank in (0, 1))
    assert np.array_equal(first.frames["tool"], second.frames["tool"])
    assert 64 <= first.num_transitions < memory(library)._transitions.num_transitions


def test_excluded_episodes_are_never_drawn(library):
    kept = stream(library, excluded=Exclusion(policies=frozenset({f"p{number}" for number in range(1, 20)})))
    seeds = np.rint(np.concatenate([kept.batch(number).actions[:, 0] for number in range(10)]) * 2000)
    assert seeds.max() < 64


def test_filtered_cloning_streams_successes_alone(library):
    sampler = stream(library, only_successes=True)
    assert sampler.shares["outcome"] == {"success": pytest.approx(1.0)}
    seeds = np.rint(sampler.batch(0).actions[:, 0] * 2000).astype(int)
    assert set(seeds % 3) == {0}


def test_nothing_to_train_on_is_refused(library):
    with pytest.raises(EpisodeError, match="no transitions to train on"):
        stream(library, excluded=Exclusion(policies=frozenset({f"p{number}" for number in range(20)})))


def test_each_refresh_replaces_the_next_slot():
    schedule = Schedule(weights=np.ones(1000), num_slots=5, seed=1, rank=0)
    windows = [schedule.blocks(number) for number in range(12)]
    for number, (before, after) in enumerate(pairwise(windows)):
        assert np.flatnonzero(before != after).tolist() == [number % 5]


def test_a_window_holds_blocks_by_their_weights():
    schedule = Schedule(weights=np.array([6.0, 3.0, 1.0]), num_slots=10, seed=1, rank=0)
    assert np.bincount(schedule.blocks(0)).tolist() == [6, 3, 1]
