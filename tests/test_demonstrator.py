import numpy as np
import pytest

from flywheel.config import MetaworldDemonstrations, NoisyDemonstrations
from flywheel.core.episode import EpisodeRequest, Source
from flywheel.environments.demonstrator import Demonstrated, Demonstrator, Manner, RandomExpert, draw_style

PLAIN = {"random_bursts": 0.0, "random": 0.0}


class Pushing:
    """Always wants more than is allowed."""

    def reset(self, generator):
        pass

    def act(self, observation):
        return np.array([5.0, -0.5], np.float32)


def actions(demonstrations, *, seed=0, num_decisions=400, slot=0, demonstrator=None, max_decisions=400):
    """Of one episode, [T, 2]."""
    tasks = {
        "suite/some": Demonstrated(
            expert=Pushing, demonstrations=demonstrations, action_size=2, max_decisions=max_decisions
        )
    }
    policy = demonstrator or Demonstrator(tasks)
    policy.begin(slot, EpisodeRequest(task="suite/some", seed=seed, iteration=0, source=Source.DEMONSTRATION))
    return np.stack([policy.act([slot], [{}], ["suite/some"])[0] for _ in range(num_decisions)])


def test_without_noise_the_expert_acts_within_the_allowed_range():
    made = actions(NoisyDemonstrations(noise=(0.0, 0.0), **PLAIN))
    np.testing.assert_array_equal(made, np.tile(np.float32([1.0, -0.5]), (400, 1)))


def test_noise_has_the_asked_for_standard_deviation():
    made = actions(NoisyDemonstrations(noise=(0.2, 0.2), **PLAIN), num_decisions=4000)
    assert made[:, 1].std() == pytest.approx(0.2, rel=0.05)
    assert np.abs(made).max() <= 1.0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_asked_for_share_of_decisions_is_random(share):
    made = actions(NoisyDemonstrations(noise=(0.0, 0.0), random_bursts=share, random=0.0), num_decisions=6000)
    assert (made[:, 1] != -0.5).mean() == pytest.approx(share, abs=0.02)


def test_an_episode_is_the_same_whatever_ran_before_in_its_slot_or_another():
    demonstrations = MetaworldDemonstrations()
    tasks = {
        "suite/some": Demonstrated(expert=Pushing, demonstrations=demonstrations, action_size=2, max_decisions=400)
    }
    used = Demonstrator(tasks)
    actions(demonstrations, seed=1, slot=0, demonstrator=used)
    actions(demonstrations, seed=2, slot=1, demonstrator=used)
    again = actions(demonstrations, seed=7, slot=0, demonstrator=used)
    np.testing.assert_array_equal(again, actions(demonstrations, seed=7, slot=5))
    assert (again != actions(demonstrations, seed=8)).any()


def test_the_draws_are_not_those_of_an_environment_with_the_same_seed():
    random = actions(NoisyDemonstrations(random=1.0), seed=3)
    assert (random[0] != np.random.default_rng(3).uniform(-1, 1, 2).astype(np.float32)).all()


def test_a_quitter_wants_nothing_from_midway_on():
    still_hand = {"noise": (0.0, 0.0), "random_bursts": 0.0, "clumsy": 0.0, "quitting": 1.0, "random": 0.0}
    made = actions(MetaworldDemonstrations(**still_hand), max_decisions=100, num_decisions=100)
    still = (made == 0).all(axis=1)
    first = int(np.argmax(still))
    assert 30 <= first <= 70  # 30 to 70% of 100 decisions
    assert still[first:].all()
    assert not still[:first].any()
    trembling = actions(
        MetaworldDemonstrations(**still_hand | {"noise": (0.1, 0.1)}), max_decisions=100, num_decisions=100
    )
    assert (trembling[first:] != 0).all()


def test_a_clumsy_expert_is_slower_and_has_half_the_grip():
    clumsy = MetaworldDemonstrations(noise=(0.0, 0.0), random_bursts=0.0, clumsy=1.0, quitting=0.0, random=0.0)
    made = actions(clumsy, num_decisions=1)[0]
    assert 0.6 <= made[0] <= 1.0
    assert made[1] == np.float32(-0.25)  # half of -0.5


def test_manners_come_in_the_asked_for_shares():
    demonstrations = MetaworldDemonstrations(clumsy=0.2, quitting=0.1, random=0.1)
    manners = [
        draw_style(demonstrations, action_size=2, max_decisions=10, generator=np.random.default_rng(seed)).manner
        for seed in range(4000)
    ]
    shares = {manner: manners.count(manner) / len(manners) for manner in Manner}
    assert shares == pytest.approx(
        {Manner.NOISY: 0.6, Manner.CLUMSY: 0.2, Manner.QUITTING: 0.1, Manner.RANDOM: 0.1}, abs=0.02
    )


def test_random_actions_fill_the_range():
    expert = RandomExpert(3)
    expert.reset(np.random.default_rng(0))
    made = np.stack([expert.act({}) for _ in range(500)])
    assert made.shape == (500, 3)
    assert made.min() < -0.95
    assert made.max() > 0.95
    assert abs(made.mean()) < 0.1
