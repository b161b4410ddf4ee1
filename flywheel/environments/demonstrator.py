"""Demonstrator: scripted experts made worse on purpose, as the behaviour policy of demonstrations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from flywheel.config import MetaworldDemonstrations, NoisyDemonstrations
from flywheel.core.environment import Observation
from flywheel.core.episode import EpisodeRequest, Floats

VERSION = "demonstrator"

BURST_DECISIONS = 2
"""Length of one burst of random actions."""

_STREAM = 1
"""Spawn key of a demonstrator's draws: apart from those of the environment, which starts from the same seed."""


class Expert(Protocol):
    """Solves one task in one environment."""

    def reset(self, generator: np.random.Generator) -> None:
        """An episode starts."""
        ...

    def act(self, observation: Observation) -> Floats:
        """[A]; cut to [-1, 1] by the demonstrator."""
        ...


class RandomExpert:
    """For tasks that nobody wrote an expert for: uniform random actions."""

    def __init__(self, action_size: int) -> None:
        self._action_size = action_size
        self._generator = np.random.default_rng()

    def reset(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def act(self, observation: Observation) -> Floats:
        return self._generator.uniform(-1.0, 1.0, self._action_size).astype(np.float32)


class Manner(StrEnum):
    """How an episode's expert behaves."""

    NOISY = "noisy"
    CLUMSY = "clumsy"
    QUITTING = "quitting"
    RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Style:
    """One episode's expert, drawn when the episode begins."""

    manner: Manner
    noise: float
    """Standard deviation of the Gaussian noise on actions."""
    bursts: float
    """Share of decisions that are random."""
    scale: Floats
    """[A], what the expert's actions are multiplied with."""
    quits_after: int | None
    """Decisions until it stops moving."""


def draw_style(
    demonstrations: MetaworldDemonstrations | NoisyDemonstrations,
    *,
    action_size: int,
    max_decisions: int,
    generator: np.random.Generator,
) -> Style:
    """Clumsy: 60 to 100% of the speed, half the grip (the last action dimension) and noise from the upper half of the
    range. Quitting: after 30 to 70% of the decisions only the noise moves it."""
    low, high = demonstrations.noise
    draw, noise, slowness, quitting = generator.uniform(size=4)
    manner = _manner(demonstrations, draw)
    scale = np.ones(action_size, np.float32)
    if manner is Manner.CLUMSY:
        noise = 0.5 + 0.5 * noise
        scale[:] = 0.6 + 0.4 * slowness
        scale[-1] = 0.5
    return Style(
        manner=manner,
        noise=low + (high - low) * noise,
        bursts=demonstrations.random_bursts,
        scale=scale,
        quits_after=int(max_decisions * (0.3 + 0.4 * quitting)) if manner is Manner.QUITTING else None,
    )


def _manner(demonstrations: MetaworldDemonstrations | NoisyDemonstrations, draw: float) -> Manner:
    """`draw` is uniform in [0, 1)."""
    shares = [(Manner.RANDOM, demonstrations.random)]
    if isinstance(demonstrations, MetaworldDemonstrations):
        shares += [(Manner.CLUMSY, demonstrations.clumsy), (Manner.QUITTING, demonstrations.quitting)]
    for manner, share in shares:
        if draw < share:
            return manner
        draw -= share
    return Manner.NOISY


@dataclass(frozen=True, kw_only=True)
class Demonstrated:
    """What a demonstrator needs to know of one task."""

    expert: Callable[[], Expert]
    demonstrations: MetaworldDemonstrations | NoisyDemonstrations
    action_size: int
    max_decisions: int


class Demonstrator:
    """The behaviour policy of demonstrations, over many tasks. An episode's draws come from its request's seed."""

    version = VERSION

    def __init__(self, tasks: Mapping[str, Demonstrated]) -> None:
        """Task -> how it is demonstrated."""
        self._tasks = tasks
        self._experts: dict[tuple[int, str], Expert] = {}
        self._playing: dict[int, _Playing] = {}

    def begin(self, slot: int, request: EpisodeRequest) -> None:
        task = self._tasks[request.task]
        key = (slot, request.task)
        if key not in self._experts:
            self._experts[key] = task.expert()
        generator = np.random.default_rng(np.random.SeedSequence(request.seed, spawn_key=(_STREAM,)))
        style = draw_style(
            task.demonstrations,
            action_size=task.action_size,
            max_decisions=task.max_decisions,
            generator=generator,
        )
        self._experts[key].reset(generator)
        self._playing[slot] = _Playing(expert=self._experts[key], style=style, generator=generator)

    def act(self, slots: Sequence[int], observations: Sequence[Observation], tasks: Sequence[str]) -> Sequence[Floats]:
        return [self._playing[slot].act(observation) for slot, observation in zip(slots, observations, strict=True)]


class _Playing:
    """An expert in the style of one episode."""

    def __init__(self, *, expert: Expert, style: Style, generator: np.random.Generator) -> None:
        self._expert = expert
        self._style = style
        self._generator = generator
        self._decisions = 0
        self._burst_left = 0

    def act(self, observation: Observation) -> Floats:
        style = self._style
        size = len(style.scale)
        # Drawn at every decision, so that what an episode draws does not depend on what it does.
        random, noise, chance = (
            self._generator.uniform(-1.0, 1.0, size),
            self._generator.normal(0.0, style.noise, size),
            self._generator.uniform(),
        )
        self._decisions += 1
        if style.manner is Manner.RANDOM or self._in_burst(chance):
            return random.astype(np.float32)
        quit_already = style.quits_after is not None and self._decisions > style.quits_after
        wanted = np.zeros(size) if quit_already else np.clip(self._expert.act(observation), -1.0, 1.0) * style.scale
        return np.clip(wanted + noise, -1.0, 1.0).astype(np.float32)

    def _in_burst(self, chance: float) -> bool:
        """Bursts of L decisions begin with chance p at a decision outside one: a share of L p / (L p + 1 - p)."""
        share = self._style.bursts
        if self._burst_left == 0 and chance < share / (BURST_DECISIONS - (BURST_DECISIONS - 1) * share):
            self._burst_left = BURST_DECISIONS
        if self._burst_left == 0:
            return False
        self._burst_left -= 1
        return True
