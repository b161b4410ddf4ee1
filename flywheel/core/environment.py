"""What runs a task: the Environment protocol, and the pool that keeps environments between episodes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from flywheel.core.contract import Body
from flywheel.core.episode import Floats
from flywheel.core.task import Task

Observation = Mapping[str, Floats]
"""Modality name -> [D]."""


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What one decision led to."""

    observation: Observation
    reward: float
    success: bool | None
    """After any environment step of the decision; None where the environment does not say."""
    terminated: bool
    facts: Mapping[str, Floats]
    """Name -> [R, F]: after each environment step of the decision."""


class Environment(Protocol):
    """One task's environment. Whatever it raises becomes an episode with an error, and never stops the others."""

    task: Task
    body: Body
    max_decisions: int
    """Decisions before the episode is truncated."""

    def reset(self, seed: int) -> Observation:
        """The same seed gives the same initial state."""
        ...

    def initial_state(self) -> str:
        """Digest of the simulator's state right after reset."""
        ...

    def step(self, action: Floats) -> Transition:
        """[A], each in [-1, 1]."""
        ...

    def close(self) -> None: ...


class EnvironmentPool:
    """Environments that wait for their next episode: making one can take longer than the episode.

    Every episode begins with a reset from its own seed, so which environment runs it changes nothing.
    """

    def __init__(self, *, make: Callable[[str], Environment], capacity: int) -> None:
        """`make` makes an environment for a task; at most `capacity` wait, those that waited longest are closed."""
        self._make, self._capacity = make, capacity
        self._waiting: list[Environment] = []

    def take(self, task: str) -> Environment:
        """The one of the task that was given back last, or a new one."""
        for place in reversed(range(len(self._waiting))):
            if self._waiting[place].task.name == task:
                return self._waiting.pop(place)
        return self._make(task)

    def give_back(self, environment: Environment) -> None:
        """For another episode."""
        self._waiting.append(environment)
        if len(self._waiting) > self._capacity:
            self.discard(self._waiting.pop(0))

    def discard(self, environment: Environment) -> None:
        """Its episodes are made: whatever goes wrong while it closes changes none of them."""
        with suppress(Exception):
            environment.close()

    def close(self) -> None:
        """Closes those that wait."""
        while self._waiting:
            self.discard(self._waiting.pop())
