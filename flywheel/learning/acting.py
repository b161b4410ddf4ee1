"""Acting with a trained network: what collectors and the endpoint run."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from flywheel.core.contract import Contract, modality_names
from flywheel.core.environment import Observation
from flywheel.core.episode import EpisodeRequest, Floats
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.losses import bins_at


class Actor:
    """A network and its contract: observations to actions, nothing remembered between calls."""

    def __init__(self, *, network: ActorCritic, contract: Contract) -> None:
        self.network = network.eval()
        self.contract = contract
        self._task_index = {task: index for index, task in enumerate(contract.tasks)}

    @torch.inference_mode()
    def act(
        self,
        observations: Mapping[str, Floats],
        tasks: Sequence[str],
        uniforms: Floats | None = None,
        sharpness: float = 1.0,
    ) -> Floats:
        """Modality -> [B, H, D] to actions [B, A]: the most likely ones, or drawn by `uniforms` [B, A] in [0, 1).

        They are drawn from the policy's distribution to the power of `sharpness`.
        """
        tensors = {name: torch.from_numpy(values) for name, values in observations.items()}
        indices = torch.tensor([self._task_index[task] for task in tasks])
        logits = self.network.policy_logits(self.network.encode(tensors, indices)).float()
        if uniforms is None:
            bins = self.network.most_likely(logits)
        else:
            bins = bins_at(logits * sharpness, torch.from_numpy(uniforms)[:, None])[:, 0]
        actions: Floats = self.network.action_values[bins].numpy()
        return actions

    def batch(self, observations: Mapping[str, Floats], task: str) -> dict[str, Floats]:
        """Observations as the task's environment names them, modality -> [B, h, D], h <= H, to what `act` takes.

        Fewer than H observations: the oldest is repeated. Modalities that the task lacks: zeros.
        """
        ours = {name: observations[theirs] for theirs, name in modality_names(self.contract, task).items()}
        size, seen = next(iter(ours.values())).shape[:2]
        repeats = np.maximum(np.arange(self.contract.history) - (self.contract.history - seen), 0)
        return {
            name: ours[name][:, repeats]
            if name in ours
            else np.zeros((size, self.contract.history, modality.width), np.float32)
            for name, modality in self.contract.modalities.items()
        }

    def stacked(self, windows: Sequence[Sequence[Observation]], tasks: Sequence[str]) -> dict[str, Floats]:
        """Per environment its last observations, newest last, to modality -> [B, H, D].

        A window that is shorter than the history repeats its first observation; missing modalities are zeros.
        """
        history = self.contract.history
        stacked = {
            name: np.zeros((len(tasks), history, modality.width), np.float32)
            for name, modality in self.contract.modalities.items()
        }
        for row, (window, task) in enumerate(zip(windows, tasks, strict=True)):
            padded = [window[0]] * (history - len(window)) + list(window)[-history:]
            for theirs, ours in modality_names(self.contract, task).items():
                stacked[ours][row] = [observation[theirs] for observation in padded]
        return stacked


class LearnedPolicy:
    """A policy version that runs episodes: remembers each slot's history and draws from each episode's own seed."""

    def __init__(
        self,
        *,
        actor: Actor,
        version: str,
        sampled: bool,
        sharpness: float = 1.0,
        random_actions: float = 0.0,
    ) -> None:
        self.version = version
        self._actor = actor
        self._sampled, self._sharpness, self._random_actions = sampled, sharpness, random_actions
        self._windows: dict[int, list[Observation]] = {}
        self._draws: dict[int, np.random.Generator] = {}

    def begin(self, slot: int, request: EpisodeRequest) -> None:
        """Forgets the slot's last episode."""
        self._windows[slot] = []
        self._draws[slot] = np.random.default_rng((request.seed, 1))

    def act(self, slots: Sequence[int], observations: Sequence[Observation], tasks: Sequence[str]) -> list[Floats]:
        """One action [A] per slot, A of the slot's task."""
        contract = self._actor.contract
        for slot, observation in zip(slots, observations, strict=True):
            self._windows[slot] = [*self._windows[slot], observation][-contract.history :]
        stacked = self._actor.stacked([self._windows[slot] for slot in slots], tasks)
        uniforms = None
        if self._sampled:
            uniforms = np.stack([self._draws[slot].random(contract.action_size, np.float32) for slot in slots])
        actions = self._actor.act(stacked, tasks, uniforms, self._sharpness)
        return [
            self._explored(slot, action[: contract.action_sizes[task]])
            for slot, action, task in zip(slots, actions, tasks, strict=True)
        ]

    def _explored(self, slot: int, action: Floats) -> Floats:
        draws = self._draws[slot]
        if self._random_actions and draws.random() < self._random_actions:
            return draws.uniform(-1.0, 1.0, len(action)).astype(np.float32)
        return action
