"""From episodes and labels to batches of transitions: n-step returns and the seeded sampler."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flywheel.core.contract import Contract, modality_names
from flywheel.core.episode import Episode, Floats, Source
from flywheel.core.errors import EpisodeError
from flywheel.core.task import Label

Indices = NDArray[np.int64]

RELABELLED: Final = "relabelled"
"""The mixture's name for episodes seen under a task that they were not made for."""


@dataclass(frozen=True, kw_only=True)
class TransitionBatch:
    """B transitions over n decisions each."""

    observations: Mapping[str, Floats]
    """Modality -> [B, H, D], newest last; zeros where the task lacks the modality."""
    next_observations: Mapping[str, Floats]
    """Modality -> [B, H, D], n decisions later."""
    tasks: Indices
    """[B], index in the contract's tasks."""
    actions: Floats
    """[B, A], zeros in unused dimensions."""
    returns: Floats
    """[B], sum of the n discounted rewards."""
    discounts: Floats
    """[B], discount ** n; 0 where the task ended the episode."""
    cloned: Floats
    """[B], 1 where the action is worth imitating: in demonstrations and in whatever succeeded; else 0."""


def n_step_returns(
    rewards: Floats, *, terminated: bool, discount: float, num_steps: int
) -> tuple[Floats, Floats, Indices]:
    """Returns [T], discounts [T] and the index [T] of the observation to bootstrap from.

    Sutton & Barto (2018), eq. 7.1: G_t = r_t + g r_{t+1} + ... + g^(n-1) r_{t+n-1}, then g^n V(s_{t+n}). Near the end
    n is what is left; the discount there is 0 if the episode terminated and g^n if it was truncated.
    """
    length = len(rewards)
    starts = np.arange(length)
    ends = np.minimum(starts + num_steps, length)
    returns = np.zeros(length, np.float64)
    for k in range(num_steps):
        inside = starts + k < length
        returns[inside] += discount**k * rewards[starts[inside] + k]
    discounts = np.power(discount, ends - starts)
    if terminated:
        discounts[ends == length] = 0.0
    return returns.astype(np.float32), discounts.astype(np.float32), ends.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """All transitions of many episodes, as flat arrays: F observations, P transitions."""

    contract: Contract
    frames: Mapping[str, Floats]
    """Modality -> [F, D]."""
    first_frames: Indices
    """[F]: the first observation of each observation's episode; history never reaches before it."""
    starts: Indices
    """[P]: the observation that the action was chosen for."""
    ends: Indices
    """[P]: the observation to bootstrap from."""
    tasks: Indices
    actions: Floats
    returns: Floats
    discounts: Floats
    cloned: Floats
    groups: Mapping[str, Indices]
    """Source, or `relabelled` -> the transitions in it."""

    @classmethod
    def of(
        cls,
        episodes: Iterable[Episode],
        labels: Mapping[str, Sequence[Label]],
        *,
        contract: Contract,
        discount: float,
        num_steps: int,
        only_successes: bool = False,
    ) -> "Transitions":
        """Every labelled episode under each of its labels (episode id -> labels). Crashed episodes are left out.

        `only_successes` keeps the labels that say success: the data of filtered behaviour cloning.
        """
        builder = _Builder(contract, discount, num_steps)
        for episode in episodes:
            kept = [label for label in labels.get(episode.episode_id, ()) if label.success or not only_successes]
            if episode.error is None and kept:
                builder.add(episode, kept)
        return builder.finish()

    @property
    def num_transitions(self) -> int:
        """P."""
        return len(self.starts)

    def sample(self, rng: np.random.Generator, *, batch_size: int, mixture: Mapping[str, float]) -> TransitionBatch:
        """Draws with replacement: a group by its weight in the mixture, one of its tasks, then a transition uniformly.

        Groups without transitions give their share to the others in proportion. Tasks count alike, however long
        their episodes are.
        """
        pools = [
            (weight / len(tasks), indices)
            for name, weight in mixture.items()
            if weight > 0 and (tasks := self._pools.get(name, ()))
            for indices in tasks
        ]
        if not pools:
            raise EpisodeError(f"no transitions to train on: the mixture asks for {', '.join(mixture)}")
        weights = np.array([weight for weight, _ in pools])
        chosen = rng.choice(len(pools), size=batch_size, p=weights / weights.sum())
        sizes = np.array([len(indices) for _, indices in pools])
        within = (rng.random(batch_size) * sizes[chosen]).astype(np.int64)
        picked = np.empty(batch_size, np.int64)
        for number, (_, indices) in enumerate(pools):
            mine = chosen == number
            picked[mine] = indices[within[mine]]
        return self.batch(picked)

    @cached_property
    def _pools(self) -> dict[str, list[Indices]]:
        """Group -> its transitions, task by task."""
        return {
            name: [indices[self.tasks[indices] == task] for task in np.unique(self.tasks[indices])]
            for name, indices in self.groups.items()
        }

    def batch(self, picked: Indices) -> TransitionBatch:
        """The transitions at the indices [B]."""
        return TransitionBatch(
            observations=self._window(self.starts[picked]),
            next_observations=self._window(self.ends[picked]),
            tasks=self.tasks[picked],
            actions=self.actions[picked],
            returns=self.returns[picked],
            discounts=self.discounts[picked],
            cloned=self.cloned[picked],
        )

    def _window(self, newest: Indices) -> dict[str, Floats]:
        ages = np.arange(self.contract.history - 1, -1, -1)
        rows = np.maximum(newest[:, None] - ages, self.first_frames[newest][:, None])
        return {name: values[rows] for name, values in self.frames.items()}


class _Builder:
    """Appends episodes, then joins them once."""

    def __init__(self, contract: Contract, discount: float, num_steps: int) -> None:
        self._contract, self._discount, self._num_steps = contract, discount, num_steps
        self._num_frames = 0
        self._num_transitions = 0
        self._frames: dict[str, list[Floats]] = {name: [] for name in contract.modalities}
        self._columns: dict[str, list[NDArray[np.generic]]] = {
            name: []
            for name in ("first_frames", "starts", "ends", "tasks", "actions", "returns", "discounts", "cloned")
        }
        self._groups: dict[str, list[Indices]] = {}

    def add(self, episode: Episode, labels: Sequence[Label]) -> None:
        first, count = self._num_frames, episode.num_decisions + 1
        self._num_frames += count
        self._columns["first_frames"].append(np.full(count, first))
        names = {ours: theirs for theirs, ours in modality_names(self._contract, episode.task).items()}
        for name, parts in self._frames.items():
            width = self._contract.modalities[name].width
            values = episode.observations[names[name]] if name in names else np.zeros((count, width), np.float32)
            if values.shape[1] != width:
                where = f"episode {episode.episode_id}: observations.{name}"
                raise EpisodeError(f"{where}: width {values.shape[1]}, the policy needs {width}")
            parts.append(values)
        for label in labels:
            self._add_label(episode, label, first)

    def _add_label(self, episode: Episode, label: Label, first: int) -> None:
        length = len(label.rewards)
        returns, discounts, ends = n_step_returns(
            label.rewards, terminated=label.terminated, discount=self._discount, num_steps=self._num_steps
        )
        actions = np.zeros((length, self._contract.action_size), np.float32)
        actions[:, : episode.actions.shape[1]] = episode.actions[:length]
        own = label.task == episode.task
        self._columns["starts"].append(first + np.arange(length))
        self._columns["ends"].append(first + ends)
        self._columns["tasks"].append(np.full(length, self._contract.tasks.index(label.task)))
        self._columns["actions"].append(actions)
        self._columns["returns"].append(returns)
        self._columns["discounts"].append(discounts)
        cloned = label.success or (own and episode.source is Source.DEMONSTRATION)
        self._columns["cloned"].append(np.full(length, 1.0 if cloned else 0.0, np.float32))
        group = str(episode.source) if own else RELABELLED
        self._groups.setdefault(group, []).append(self._num_transitions + np.arange(length))
        self._num_transitions += length

    def finish(self) -> Transitions:
        if not self._num_transitions:
            raise EpisodeError("no transitions to train on: no episode has a label that is asked for")
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        return Transitions(
            contract=self._contract,
            frames={name: np.concatenate(parts) for name, parts in self._frames.items()},
            groups={name: np.concatenate(parts) for name, parts in self._groups.items()},
            **columns,
        )
