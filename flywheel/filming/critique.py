"""Critique: what an episode's decisions were worth to the policy version that made them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from flywheel.core.environment import Observation
from flywheel.core.episode import Episode, Floats, Source
from flywheel.core.errors import CheckpointError
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor
from flywheel.ports import Policies

BATCH = 256
"""Decisions that are judged at once."""


@dataclass(frozen=True, kw_only=True)
class Critique:
    """Of one episode."""

    q: Sequence[float] | None
    """[T]; None: there is no critic to ask."""
    note: str = ""
    """Why not, where one was expected."""


def critique(episode: Episode, policies: Policies) -> Critique:
    """By the target network of who acted. A demonstrator has no critic, and who acted elsewhere has none here."""
    if episode.source in (Source.DEMONSTRATION, Source.UPLOAD):
        return Critique(q=None)
    name = episode.behaviour_policy
    try:
        actor = load_actor(policies.load(name), origin=name)
    except CheckpointError as failure:
        return Critique(q=None, note=f"Q is not known: {failure}")
    if episode.task not in actor.contract.tasks:
        return Critique(q=None, note=f"Q is not known: {name} does not know the task")
    return Critique(q=[float(value) for value in q_values(episode, actor)])


@torch.inference_mode()
def q_values(episode: Episode, actor: Actor) -> Floats:
    """[T]: Q of the episode's own actions."""
    network, contract = actor.network, actor.contract
    task = torch.tensor([contract.tasks.index(episode.task)])
    found = []
    for first in range(0, episode.num_decisions, BATCH):
        decisions = range(first, min(first + BATCH, episode.num_decisions))
        windows = [_window(episode, decision, contract.history) for decision in decisions]
        stacked = actor.stacked(windows, [episode.task] * len(windows))
        actions = np.zeros((len(windows), 1, contract.action_size), np.float32)
        actions[:, 0, : episode.actions.shape[1]] = episode.actions[decisions.start : decisions.stop]
        tasks = task.expand(len(windows))
        latents = network.encode({name: torch.from_numpy(values) for name, values in stacked.items()}, tasks)
        logits = network.critic_logits(latents, tasks, torch.from_numpy(actions))
        found.append(network.q_values(logits)[:, 0].numpy())
    return np.concatenate(found)


def _window(episode: Episode, decision: int, history: int) -> list[Observation]:
    """What was seen before the decision, newest last."""
    return [
        {name: values[moment] for name, values in episode.observations.items()}
        for moment in range(max(0, decision + 1 - history), decision + 1)
    ]
