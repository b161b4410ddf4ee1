import numpy as np
import pytest
from builders import make_episode

from flywheel.report.clusters import clusters, features

NUM_DECISIONS = 4


def ended(name, *, hand, thing, rng, noise=0.02, with_facts=True):
    """From anywhere, the hand and the thing moved by so much; the goal is somewhere and stays."""
    start, goal = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3)
    share = np.linspace(0, 1, NUM_DECISIONS + 1)[:, None]

    def path(by):
        return (start + share * (np.asarray(by) + noise * rng.normal(size=3))).astype(np.float32)

    hands, things = path(hand), path(thing)
    goals = np.repeat(goal[None], NUM_DECISIONS + 1, 0).astype(np.float32)
    facts = {"thing": things[1:, None], "hand": hands[1:, None], "angle": np.zeros((NUM_DECISIONS, 1, 1), np.float32)}
    return make_episode(
        episode_id=name,
        num_decisions=NUM_DECISIONS,
        observations={"hand": hands, "thing": things, "goal": goals},
        facts=facts if with_facts else {},
    )


def failures(rng, *, missed=0, dropped=0, thrown=0, **changes):
    """Of three kinds."""
    kinds = {"missed": ((0, 0, -1), (0, 0, 0)), "dropped": ((1, 0, 0), (0.3, 0, 0)), "thrown": ((0, 1, 0), (-2, 2, 0))}
    numbers = {"missed": missed, "dropped": dropped, "thrown": thrown}
    return [
        ended(f"{kind}-{index:02d}", hand=hand, thing=thing, rng=rng, **changes)
        for kind, (hand, thing) in kinds.items()
        for index in range(numbers[kind])
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def told(found):
    return [(cluster.medoid.split("-")[0], cluster.num_episodes) for cluster in found]


@pytest.mark.parametrize("with_facts", [True, False])
def test_failures_of_different_kinds_fall_apart(rng, with_facts):
    found = clusters(failures(rng, missed=12, dropped=8, thrown=5, with_facts=with_facts))
    assert told(found) == [("missed", 12), ("dropped", 8), ("thrown", 5)]
    two = clusters(failures(rng, missed=12, thrown=9, with_facts=with_facts))
    assert told(two) == [("missed", 12), ("thrown", 9)]


def test_failures_of_one_kind_stay_together(rng):
    assert told(clusters(failures(rng, dropped=20))) == [("dropped", 20)]


def test_a_single_odd_one_is_no_kind(rng):
    (found,) = clusters(failures(rng, dropped=20, thrown=1))
    assert found.num_episodes == 21


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_few_are_one_kind(rng, number):
    assert told(clusters(failures(rng, thrown=number))) == [("thrown", number)]


def test_equal_failures_are_one_kind():
    same = [make_episode(episode_id=f"same-{index}") for index in range(6)]
    assert told(clusters(same)) == [("same", 6)]


def test_the_order_of_the_episodes_changes_nothing(rng):
    some = failures(rng, missed=6, dropped=5)
    assert clusters(some) == clusters(some[::-1])


def test_where_an_episode_began_and_what_stays_say_nothing(rng):
    some = failures(rng, missed=5, noise=0.0)
    assert np.abs(features(some)).max() < 1e-3


def test_a_medoid_is_nearest_to_its_like():
    places = [0.0, 0.4, 0.5, 0.6, 3.0]
    some = [
        ended(f"at-{place}", hand=(place, 0, 0), thing=(0, 0, 0), rng=np.random.default_rng(1), noise=0.0)
        for place in places
    ]
    assert clusters(some)[0].medoid in ("at-0.4", "at-0.5")
