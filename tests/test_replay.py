import numpy as np
from builders import make_episode

from flywheel.core.environment import Transition
from flywheel.core.episode import Outcome
from flywheel.filming.replay import Replay


class Counting:
    """Shows how many decisions there were; succeeds at the second."""

    def __init__(self, *, scored=True, raises_at=None):
        self.decisions = 0
        self._scored, self._raises_at = scored, raises_at

    def reset(self, seed):
        self.decisions = seed
        return {"x": np.array([seed], np.float32)}

    def step(self, action):
        self.decisions += 1
        if self.decisions == self._raises_at:
            raise RuntimeError("lost a wheel")
        success = self.decisions == 2 if self._scored else None
        return Transition(observation={}, reward=0.0, success=success, terminated=False, facts={})

    def frame(self):
        return np.full((8, 8, 3), self.decisions, np.uint8)


def replayed(environment, *, seed=0, num_decisions=5, shown=(1, 4, 5)):
    replay = Replay(environment=environment, seed=seed, actions=make_episode(num_decisions=num_decisions).actions)
    seen = [(number, int(frame[0, 0, 0])) for number, frame in replay.frames(shown)]
    return replay, seen


def test_a_replay_shows_what_the_asked_for_decisions_led_to():
    replay, seen = replayed(Counting())
    assert seen == [(1, 1), (4, 4), (5, 5)]
    assert replay.outcome is Outcome.SUCCESS
    assert replay.first == {"x": np.array([0], np.float32)}


def test_a_replay_without_success_says_so():
    assert replayed(Counting(), seed=2)[0].outcome is Outcome.FAILURE


def test_where_nobody_reports_success_a_replay_is_unscored():
    assert replayed(Counting(scored=False))[0].outcome is Outcome.UNSCORED


def test_what_a_simulator_raises_ends_the_replay_and_is_kept():
    replay, seen = replayed(Counting(raises_at=5))
    assert seen == [(1, 1), (4, 4)]
    assert (replay.outcome, replay.failure) == (Outcome.ERROR, "RuntimeError: lost a wheel")
