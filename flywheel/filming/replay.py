"""Replay: an episode made again from its seed and its actions."""

from collections.abc import Collection, Iterator

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats, Outcome
from flywheel.environments.simulator import Frame
from flywheel.environments.suites import Filmed


class Replay:
    """One episode, once. What it says of itself is whole when its frames are."""

    def __init__(self, *, environment: Filmed, seed: int, actions: Floats) -> None:
        """Actions [T, A]."""
        self._environment, self._seed, self._actions = environment, seed, actions
        self._successes: list[bool | None] = []
        self.first: Observation = {}
        """Right after the reset."""
        self.failure: str | None = None
        """What the simulator raised."""

    @property
    def outcome(self) -> Outcome:
        """As an episode's."""
        if self.failure is not None:
            return Outcome.ERROR
        if not self._successes or self._successes[-1] is None:
            return Outcome.UNSCORED
        return Outcome.SUCCESS if any(self._successes) else Outcome.FAILURE

    def frames(self, shown: Collection[int]) -> Iterator[tuple[int, Frame]]:
        """The number of a decision and what its end looks like, of those to be shown. Decisions count from 1.

        Not right after the reset: Meta-World moves the mark of the goal only with the first step.
        ConfigError: the environment has no pictures.
        """
        self.first = self._environment.reset(self._seed)
        for number, action in enumerate(self._actions, start=1):
            try:
                self._successes.append(self._environment.step(action).success)
            except Exception as failure:  # noqa: BLE001 - foreign simulators raise anything; the replay carries it
                self.failure = f"{type(failure).__name__}: {failure}"
                return
            if number in shown:
                yield number, self._environment.frame()
