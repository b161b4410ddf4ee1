"""Running a policy: many environments stepped together, one forward for all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from flywheel.core.contract import Body
from flywheel.core.environment import Environment, EnvironmentPool, Observation, Transition
from flywheel.core.episode import Episode, EpisodeRequest, Floats
from flywheel.core.errors import EnvironmentFailure, EpisodeError


class Policy(Protocol):
    """Chooses actions for a batch of environments."""

    version: str

    def begin(self, slot: int, request: EpisodeRequest) -> None:
        """An episode starts in the slot."""
        ...

    def act(self, slots: Sequence[int], observations: Sequence[Observation], tasks: Sequence[str]) -> Sequence[Floats]:
        """One action [A] per slot, A of the slot's task."""
        ...


@dataclass
class _Running:
    """An episode being made in one slot."""

    request: EpisodeRequest
    environment: Environment
    observations: list[Observation] = field(default_factory=list)
    actions: list[Floats] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    initial_state: str = ""
    error: str | None = None

    @property
    def over(self) -> bool:
        if self.error is not None:
            return True
        last = self.transitions[-1] if self.transitions else None
        return last is not None and (last.terminated or len(self.transitions) >= self.environment.max_decisions)


def run_episodes(
    requests: Iterable[EpisodeRequest],
    *,
    environments: EnvironmentPool,
    policy: Policy,
    num_environments: int,
) -> Iterator[Episode]:
    """Makes the requested episodes, `num_environments` at a time, and yields each as it ends.

    A slot takes the next request when its episode ends, and not earlier. An episode's draws come from its own seed, so
    the order of completion changes nothing. The environments are the pool's again when this ends, however it ends.
    """
    waiting = iter(requests)
    running: dict[int, _Running] = {}
    try:
        while True:
            for slot in range(num_environments):
                while slot not in running and (request := next(waiting, None)) is not None:
                    episode = _start(request, environments)
                    if episode.error is not None:
                        yield _finish(episode, policy.version, environments)
                        continue
                    policy.begin(slot, episode.request)
                    running[slot] = episode
            if not running:
                return
            active = list(running)
            actions = policy.act(
                active,
                [running[slot].observations[-1] for slot in active],
                [running[slot].request.task for slot in active],
            )
            for slot, action in zip(active, actions, strict=True):
                episode = running[slot]
                _advance(episode, action)
                if episode.over:
                    del running[slot]
                    yield _finish(episode, policy.version, environments)
    finally:
        for episode in running.values():
            environments.give_back(episode.environment)


def _start(request: EpisodeRequest, environments: EnvironmentPool) -> _Running:
    episode = _Running(request=request, environment=environments.take(request.task))
    try:
        episode.observations.append(_observed(episode.environment.reset(request.seed), episode.environment.body))
        episode.initial_state = episode.environment.initial_state()
    except Exception as failure:  # noqa: BLE001 - foreign simulators raise anything; the episode carries it
        episode.error = _reason(failure)
    return episode


def _advance(episode: _Running, action: Floats) -> None:
    action = np.array(action, np.float32)
    try:
        transition = episode.environment.step(action.copy())
        observation = _observed(transition.observation, episode.environment.body)
        facts = _facts(transition.facts, episode.transitions[0].facts if episode.transitions else transition.facts)
        if not np.isfinite(transition.reward):
            raise EnvironmentFailure(f"reward {transition.reward}")
    except Exception as failure:  # noqa: BLE001 - foreign simulators raise anything; the episode carries it
        episode.error = _reason(failure)
        return
    episode.actions.append(action)
    episode.transitions.append(replace(transition, observation=observation, facts=facts))
    episode.observations.append(observation)


def _observed(observation: Observation, body: Body) -> Observation:
    """The body's modalities."""
    missing = [name for name in body.modalities if name not in observation]
    if missing:
        raise EnvironmentFailure(f"observation lacks {', '.join(missing)}")
    return _copied("observation", observation, {name: (some.width,) for name, some in body.modalities.items()})


def _facts(facts: Mapping[str, Floats], first: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """Of the names and shapes that the episode's first decision had."""
    if facts.keys() != first.keys():
        raise EnvironmentFailure(f"facts are {', '.join(facts) or 'none'}, were {', '.join(first) or 'none'}")
    return _copied("fact", facts, {name: np.shape(values) for name, values in first.items()})


def _copied(kind: str, values: Mapping[str, Floats], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Simulators hand out their buffers and write into them later."""
    with np.errstate(over="ignore"):
        copied = {name: np.array(values[name], np.float32) for name in shapes}
    for name, shape in shapes.items():
        if copied[name].shape != shape:
            raise EnvironmentFailure(f"{kind} {name} has shape {list(copied[name].shape)}, not {list(shape)}")
    # One look at all of them: this runs at every decision.
    if copied and not np.isfinite(np.concatenate([some.ravel() for some in copied.values()])).all():
        spoilt = next(name for name, some in copied.items() if not np.isfinite(some).all())
        raise EnvironmentFailure(f"{kind} {spoilt} holds NaN or infinite values")
    return copied


def _reason(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _finish(running: _Running, version: str, environments: EnvironmentPool) -> Episode:
    if running.error is None:
        environments.give_back(running.environment)
    else:
        environments.discard(running.environment)
    try:
        return _episode(running, version)
    except EpisodeError as failure:
        return failed_episode(
            running.request, scene=running.environment.task.scene, behaviour_policy=version, error=str(failure)
        )


def _episode(running: _Running, version: str) -> Episode:
    request, body, transitions = running.request, running.environment.body, running.transitions
    last = transitions[-1] if transitions else None
    terminated = last is not None and last.terminated
    return Episode(
        episode_id=request.episode_id,
        task=request.task,
        scene=running.environment.task.scene,
        source=request.source,
        iteration=request.iteration,
        behaviour_policy=version,
        seed=request.seed,
        initial_state=running.initial_state,
        decision_s=body.decision_s,
        observations={
            name: np.stack([observation[name] for observation in running.observations])
            for name in (body.modalities if running.observations else ())
        },
        actions=np.asarray(running.actions, np.float32).reshape(len(running.actions), body.action_size),
        rewards=np.array([transition.reward for transition in transitions], np.float32),
        successes=np.array([bool(transition.success) for transition in transitions], np.bool_),
        facts={
            name: np.stack([transition.facts[name] for transition in transitions])
            for name in (last.facts if last is not None else ())
        },
        scored=last is not None and last.success is not None,
        terminated=terminated,
        truncated=running.error is None and not terminated,
        error=running.error,
    )


def failed_episode(request: EpisodeRequest, *, scene: str, behaviour_policy: str, error: str) -> Episode:
    """The record of an episode of which nothing can be kept."""
    return Episode(
        episode_id=request.episode_id,
        task=request.task,
        scene=scene,
        source=request.source,
        iteration=request.iteration,
        behaviour_policy=behaviour_policy,
        seed=request.seed,
        initial_state="",
        decision_s=0.0,
        observations={},
        actions=np.zeros((0, 0), np.float32),
        rewards=np.zeros(0, np.float32),
        successes=np.zeros(0, np.bool_),
        facts={},
        scored=False,
        terminated=False,
        truncated=False,
        error=error,
    )
