"""From episodes and labels to transitions as flat arrays: n-step and observed returns, and batches by index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel.core.contract import Contract, modality_names
from flywheel.core.episode import Episode, Floats, Source
from flywheel.core.errors import EpisodeError
from flywheel.core.mixture import OUTCOMES, RELABELLED, SOURCES, UNSCORED, Cells, Indices
from flywheel.core.task import Label

Codes = NDArray[np.int16]


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
    observed_returns: Floats
    """[B], sum of the discounted rewards up to the episode's end."""
    unobserved_discounts: Floats
    """[B], of what would have come after that end: 0 where the task ended the episode."""


def n_step_returns(
    rewards: Floats, *, lengths: Indices, terminated: NDArray[np.bool_], discount: float, num_steps: int
) -> tuple[Floats, Floats, Indices]:
    """Returns [P], discounts [P], and how many decisions later [P] to bootstrap from.

    `rewards` [P] are those of E episodes, one after the other, with their `lengths` [E] and ends `terminated` [E].

    Sutton & Barto (2018), eq. 7.1: G_t = r_t + g r_{t+1} + ... + g^(n-1) r_{t+n-1}, then g^n V(s_{t+n}). Near the end
    n is what is left; the discount there is 0 if the episode terminated and g^n if it was truncated.
    """
    steps = np.arange(len(rewards))
    left = np.repeat(np.cumsum(lengths), lengths) - steps
    ahead = np.minimum(left, num_steps)
    returns = np.zeros(len(rewards), np.float64)
    for k in range(num_steps):
        inside = steps[left > k]
        returns[inside] += discount**k * rewards[inside + k]
    discounts = np.power(discount, ahead)
    discounts[(ahead == left) & np.repeat(terminated, lengths)] = 0.0
    return returns.astype(np.float32), discounts.astype(np.float32), ahead.astype(np.int64)


def observed_returns(
    rewards: Floats, *, lengths: Indices, terminated: NDArray[np.bool_], discount: float
) -> tuple[Floats, Floats]:
    """Returns up to the end of each episode [P], and the discount of what would have come after it [P].

    Arguments as of `n_step_returns`. Of a truncated episode nobody knows what would have come. To bootstrap it would be
    to compare an estimate with itself, and to leave such episodes out would leave out the failures: so its return
    counts what was seen, and its discount says how much of the future was not.
    """
    steps = np.arange(len(rewards))
    left = np.repeat(np.cumsum(lengths), lengths) - steps
    returns, ahead = rewards.astype(np.float64), 1
    # What is summed over n decisions becomes a sum over 2n.
    while len(inside := steps[left > ahead]):
        returns[inside] += discount**ahead * returns[inside + ahead]
        ahead *= 2
    discounts = np.where(np.repeat(terminated, lengths), 0.0, np.power(discount, left))
    return returns.astype(np.float32), discounts.astype(np.float32)


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
    tasks: Codes
    actions: Floats
    returns: Floats
    discounts: Floats
    cloned: Floats
    observed_returns: Floats
    unobserved_discounts: NDArray[np.float16]
    """[P]; half the precision is enough to be looked at."""
    sources: Codes
    """[P], index in SOURCES."""
    outcomes: Codes
    """[P], index in OUTCOMES, of the label."""
    iterations: NDArray[np.int32]
    """[P], in which the episode was made."""

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

    def cells(self) -> tuple[Cells, Indices]:
        """What a mixture weighs, and the cell of each transition [P]."""
        return Cells.of(
            sources=self.sources.astype(np.int64),
            tasks=self.tasks.astype(np.int64),
            outcomes=self.outcomes.astype(np.int64),
            iterations=self.iterations.astype(np.int64),
            counts=np.ones(self.num_transitions, np.int64),
        )

    def batch(self, picked: Indices) -> TransitionBatch:
        """The transitions at the indices [B]."""
        return TransitionBatch(
            observations=self._window(self.starts[picked]),
            next_observations=self._window(self.ends[picked]),
            tasks=self.tasks[picked].astype(np.int64),
            actions=self.actions.take(picked, axis=0),
            returns=self.returns[picked],
            discounts=self.discounts[picked],
            cloned=self.cloned[picked],
            observed_returns=self.observed_returns[picked],
            unobserved_discounts=self.unobserved_discounts[picked].astype(np.float32),
        )

    def _window(self, newest: Indices) -> dict[str, Floats]:
        ages = np.arange(self.contract.history - 1, -1, -1)
        rows = np.maximum(newest[:, None] - ages, self.first_frames[newest][:, None])
        # Of few numbers a row, `take` costs a tenth of `values[rows]`.
        return {name: values.take(rows, axis=0) for name, values in self.frames.items()}


class _Builder:
    """Appends episodes, then joins them once."""

    def __init__(self, contract: Contract, discount: float, num_steps: int) -> None:
        self._contract, self._discount, self._num_steps = contract, discount, num_steps
        self._num_frames = 0
        self._counts: list[int] = []
        """Observations of each episode."""
        self._frames: dict[str, list[Floats]] = {name: [] for name in contract.modalities}
        self._labels: list[tuple[int, int, int, bool, bool, int, int, int]] = []
        """Of each label: length, first frame, task, terminated, cloned, source, outcome, iteration."""
        self._rewards: list[Floats] = []
        self._actions: list[Floats] = []

    def add(self, episode: Episode, labels: Sequence[Label]) -> None:
        count = episode.num_decisions + 1
        names = {ours: theirs for theirs, ours in modality_names(self._contract, episode.task).items()}
        for name, parts in self._frames.items():
            width = self._contract.modalities[name].width
            values = episode.observations[names[name]] if name in names else np.zeros((count, width), np.float32)
            if values.shape[1] != width:
                where = f"episode {episode.episode_id}: observations.{name}"
                raise EpisodeError(f"{where}: width {values.shape[1]}, the policy needs {width}")
            parts.append(values)
        actions = np.zeros((episode.num_decisions, self._contract.action_size), np.float32)
        actions[:, : episode.actions.shape[1]] = episode.actions
        for label in labels:
            self._add_label(episode, label, actions)
        self._counts.append(count)
        self._num_frames += count

    def _add_label(self, episode: Episode, label: Label, actions: Floats) -> None:
        own = label.task == episode.task
        length = len(label.rewards)
        self._rewards.append(label.rewards)
        self._actions.append(actions[:length])
        self._labels.append(
            (
                length,
                self._num_frames,
                self._contract.tasks.index(label.task),
                label.terminated,
                bool(label.success) or (own and episode.source is Source.DEMONSTRATION),
                source_code(episode.source, own=own),
                outcome_code(label.success),
                episode.iteration,
            )
        )

    def finish(self) -> Transitions:
        if not any(label[0] for label in self._labels):
            raise EpisodeError("no transitions to train on: no episode has a label that is asked for")
        lengths, firsts, tasks, terminated, cloned, sources, outcomes, iterations = np.array(self._labels, np.int64).T
        rewards = np.concatenate(self._rewards)
        ended = terminated.astype(np.bool_)
        returns, discounts, ahead = n_step_returns(
            rewards, lengths=lengths, terminated=ended, discount=self._discount, num_steps=self._num_steps
        )
        observed, unobserved = observed_returns(rewards, lengths=lengths, terminated=ended, discount=self._discount)
        starts = np.repeat(firsts - np.cumsum(lengths) + lengths, lengths) + np.arange(len(returns))
        counts = np.array(self._counts)
        return Transitions(
            contract=self._contract,
            frames={name: np.concatenate(parts) for name, parts in self._frames.items()},
            first_frames=np.repeat(np.cumsum(counts) - counts, counts),
            starts=starts,
            ends=starts + ahead,
            tasks=np.repeat(tasks.astype(np.int16), lengths),
            actions=np.concatenate(self._actions),
            returns=returns,
            discounts=discounts,
            cloned=np.repeat(cloned.astype(np.float32), lengths),
            observed_returns=observed,
            unobserved_discounts=unobserved.astype(np.float16),
            sources=np.repeat(sources.astype(np.int16), lengths),
            outcomes=np.repeat(outcomes.astype(np.int16), lengths),
            iterations=np.repeat(iterations.astype(np.int32), lengths),
        )


def frame_bytes(contract: Contract) -> int:
    """What Transitions hold for each observation."""
    return 4 * sum(modality.width for modality in contract.modalities.values()) + 8


def transition_bytes(contract: Contract) -> int:
    """What Transitions hold for each transition."""
    return 2 * 8 + 4 * contract.action_size + 4 * 4 + 4 * 2 + 4


def source_code(source: Source, *, own: bool) -> int:
    """Index in SOURCES of an episode under its own task, or under another one."""
    return SOURCES.index(str(source) if own else RELABELLED)


def outcome_code(success: bool | None) -> int:
    """Index in OUTCOMES of what a label says."""
    return UNSCORED if success is None else OUTCOMES.index("success" if success else "failure")
