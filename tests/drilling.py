"""Training runs on small tables, in whatever process asks for one, some of them killed at a given update."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import make_label
from factories import random_episode
from networks import SETTINGS, SIZES
from torch import nn

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Source
from flywheel.core.mixture import Mixture
from flywheel.core.training import TrainingRequest
from flywheel.store.checkpoints import ObjectCheckpoints
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.workers.training import Place, TrainingRun
from flywheel.workers.training_data import TrainingData

BODY = Body(
    modalities={"tool": Modality(width=3), "gripper": Modality(width=1)}, differences={}, action_size=2, decision_s=0.1
)
CONTRACT = unite({"suite/reach": BODY})


@dataclass(frozen=True, kw_only=True)
class Drill:
    """Makes the training runs of one store. A killed one is killed once."""

    folder: Path
    killed_at: int | None = None
    """The update, in a run's own count, at which its process is killed."""

    def fill(self) -> TrainingRequest:
        """Four episodes and their labels."""
        objects = open_objects(str(self.folder))
        made = [
            random_episode(seed, action_size=2, episode_id=f"e{seed}", source=Source.DEMONSTRATION) for seed in range(4)
        ]
        episodes, labels = DeltaEpisodes(objects=objects), DeltaLabels(objects=objects)
        own = [make_label(episode, rewards=episode.rewards / 5) for episode in made]
        return TrainingRequest(
            iteration=0,
            policy_id="p0000",
            parent=None,
            episodes_version=episodes.commit([episodes.write(made)], transaction="episodes"),
            labels_version=labels.commit([labels.write(own)], transaction="labels"),
            mixture=Mixture(sources={"demonstration": 1.0}),
            num_updates=12,
            bc_weight=0.3,
            temperature=0.1,
            learning_rate=1e-3,
            seed=11,
        )

    @property
    def policies(self) -> ObjectPolicies:
        return ObjectPolicies(objects=open_objects(str(self.folder)))

    def __call__(
        self, request: TrainingRequest, place: Place, wrap: Callable[[nn.Module], nn.Module] = lambda module: module
    ) -> TrainingRun:
        objects = open_objects(str(self.folder))
        return TrainingRun(
            request=request,
            data=TrainingData(
                episodes=DeltaEpisodes(objects=objects),
                labels=DeltaLabels(objects=objects),
                contract=CONTRACT,
                discount=0.9,
                num_steps=2,
                only_successes=False,
            ),
            network=SIZES,
            learner=SETTINGS,
            batch_size=8,
            checkpoint_every=4,
            policies=self.policies,
            checkpoints=ObjectCheckpoints(objects=objects),
            place=place,
            wrap=lambda module: wrap(Mortal(module, killed_at=self.killed_at, mark=self.folder / "killed")),
        )


class Mortal(nn.Module):
    """Its process is killed at the n-th forward, unless the mark says that this was done before."""

    def __init__(self, inner: nn.Module, *, killed_at: int | None, mark: Path) -> None:
        super().__init__()
        self.inner, self._killed_at, self._mark, self._calls = inner, killed_at, mark, 0

    def forward(self, *args: Sequence[Any]) -> Any:
        self._calls += 1
        if self._calls == self._killed_at and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner(*args)
