"""An environment that counts, whose episodes can be told to bring their process down."""

import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np

from flywheel.core.contract import Body, Modality
from flywheel.core.environment import Environment, Observation, Transition
from flywheel.core.episode import EpisodeRequest, Floats, Source
from flywheel.core.rollout import Policy
from flywheel.core.task import Recorded, Task
from flywheel.ports import PartWriter, Policies
from flywheel.workers.collecting import Collector

TASK = Task(name="count/up", scene="count", instruction="count", rule=Recorded())
FATES = "fates.json"
POLL_S = 0.02
BODY = Body(modalities={"count": Modality(width=2)}, differences={}, action_size=1, decision_s=0.5)


class Counting:
    """Shows (seed, decisions so far); succeeds where the seed is even. Its fate strikes at the second decision."""

    task, body, max_decisions = TASK, BODY, 3

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._fates: dict[str, str] = {}
        self._seed = self._count = 0

    def reset(self, seed: int) -> Observation:
        self._seed, self._count = seed, 0
        self._fates = json.loads((self._folder / FATES).read_text())
        return self._observation()

    def initial_state(self) -> str:
        return str(self._seed)

    def step(self, action: Floats) -> Transition:
        self._count += 1
        if self._count == 2:
            self._strike(self._fates.get(str(self._seed)))
        ended = self._count == self.max_decisions
        if ended:
            (self._folder / f"made-{self._seed}").touch()
        success = ended and self._seed % 2 == 0
        return Transition(
            observation=self._observation(), reward=float(success), success=success, terminated=False, facts={}
        )

    def close(self) -> None:
        pass

    def _strike(self, fate: str | None) -> None:
        if fate == "raise":
            raise ValueError("the count is off")
        if fate == "hang":
            Event().wait()
        if fate is not None and fate.startswith("last of "):
            while len(list(self._folder.glob("made-*"))) < int(fate.removeprefix("last of ")) - 1:
                Event().wait(POLL_S)
        if fate == "die" or (fate == "die once" and self._first_time()):
            os.kill(os.getpid(), signal.SIGKILL)

    def _first_time(self) -> bool:
        mark = self._folder / f"died-{self._seed}"
        if mark.exists():
            return False
        mark.touch()
        return True

    def _observation(self) -> Observation:
        return {"count": np.array([self._seed, self._count], np.float32)}


class Halves:
    """Always the action 0.5."""

    version = "demonstrator"

    def begin(self, slot: int, request: EpisodeRequest) -> None:
        pass

    def act(self, slots: Sequence[int], observations: Sequence[Observation], tasks: Sequence[str]) -> Sequence[Floats]:
        return [np.full(1, 0.5, np.float32) for _ in slots]


@dataclass(frozen=True, kw_only=True)
class CountingCollectors:
    """Makes collectors of counting environments, in whatever process it is called."""

    writer: PartWriter
    policies: Policies
    folder: Path
    num_environments: int

    def __call__(self) -> Collector:
        return Collector(
            environment=self._environment,
            demonstrator=self._demonstrator,
            policies=self.policies,
            writer=self.writer,
            num_environments=self.num_environments,
        )

    def _environment(self, task: str) -> Environment:
        return Counting(folder=self.folder)

    def _demonstrator(self) -> Policy:
        return Halves()


def decide_fates(folder: Path, fates: Mapping[int, str]) -> None:
    """Seed -> `raise`, `hang`, `die`, `die once`, or `last of N`, which waits for the others. For what begins later."""
    (folder / FATES).write_text(json.dumps(fates))


def counting_requests(num_episodes: int, *, iteration: int = 0, policy_id: str | None = None) -> list[EpisodeRequest]:
    """Seeds 0, 1, 2 ..."""
    return [
        EpisodeRequest(task=TASK.name, seed=seed, iteration=iteration, source=Source.DEMONSTRATION, policy_id=policy_id)
        for seed in range(num_episodes)
    ]
