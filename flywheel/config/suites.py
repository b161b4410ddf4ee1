"""Settings of the suites: which tasks, how long, and who demonstrates."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flywheel.config.section import Count, ModuleName, Name, Section, Share


class MetaworldDemonstrations(Section):
    """Scripted experts, made worse on purpose. What is left of the shares is plain noisy experts."""

    episodes_per_task: Count = 100
    noise: tuple[float, float] = (0.1, 0.5)
    """Range of the standard deviation of the Gaussian noise on an episode's actions, which are in [-1, 1]."""
    random_bursts: Share = 0.1
    """Share of a noisy expert's decisions that are random."""
    clumsy: Share = 0.2
    """Share of episodes whose expert is slow, weak-gripped and noisy."""
    quitting: Share = 0.1
    """Share of episodes whose expert stops midway."""
    random: Share = 0.1
    """Share of episodes with random actions only."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.noise[0] < 0 or self.noise[0] > self.noise[1]:
            raise ValueError(f"noise: {list(self.noise)} is not a range from low to high")
        if self.clumsy + self.quitting + self.random > 1:
            raise ValueError("clumsy + quitting + random: the shares exceed 1")
        return self


class NoisyDemonstrations(Section):
    """The suite's own or a simple scripted expert, with noise."""

    episodes_per_task: Count = 100
    noise: tuple[float, float] = (0.1, 0.5)
    """Range of the standard deviation of the Gaussian noise on an episode's actions, which are in [-1, 1]."""
    random_bursts: Share = 0.1
    """Share of an expert's decisions that are random."""
    random: Share = 0.1
    """Share of episodes with random actions only."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.noise[0] < 0 or self.noise[0] > self.noise[1]:
            raise ValueError(f"noise: {list(self.noise)} is not a range from low to high")
        return self


class MetaworldSuite(Section):
    """Meta-World (Sawyer arm)."""

    suite: Literal["metaworld"]
    tasks: tuple[Name, ...] = Field(min_length=1)
    """E.g. reach-v3."""
    max_decisions: Annotated[int, Field(ge=1, le=500)]
    """Decisions before an episode is truncated."""
    action_repeat: Count = 2
    """Environment steps per decision."""
    demonstrations: MetaworldDemonstrations = MetaworldDemonstrations()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_decisions * self.action_repeat > 500:
            raise ValueError("max_decisions x action_repeat: Meta-World raises after 500 environment steps")
        return self


class GoalSuite(Section):
    """Goal environments of Gymnasium-Robotics: Fetch, and others with achieved and desired goals."""

    suite: Literal["goal"]
    tasks: tuple[Name, ...] = Field(min_length=1)
    """Gymnasium ids, e.g. FetchPush-v4."""
    max_decisions: Count
    """Decisions before an episode is truncated."""
    action_repeat: Count = 1
    """Environment steps per decision."""
    demonstrations: NoisyDemonstrations = NoisyDemonstrations()


class OgbenchSuite(Section):
    """OGBench manipulation."""

    suite: Literal["ogbench"]
    tasks: tuple[Name, ...] = Field(min_length=1)
    """E.g. cube-single."""
    max_decisions: Count
    """Decisions before an episode is truncated."""
    action_repeat: Count = 1
    """Environment steps per decision."""
    demonstrations: NoisyDemonstrations = NoisyDemonstrations()


class GymSuite(Section):
    """Any Gymnasium environment with vector observations."""

    suite: Literal["gym"]
    module: ModuleName | None = None
    """Python module of your own, imported wherever environments are made. It registers its ids with Gymnasium, and may
    have `expert_of(name)`, which gives the `environments.demonstrator.Expert` of a task, or None."""
    tasks: tuple[Name, ...] = Field(min_length=1)
    """Gymnasium ids, e.g. MountainCarContinuous-v0."""
    max_decisions: Count
    """Decisions before an episode is truncated."""
    action_repeat: Count = 1
    """Environment steps per decision."""
    success_key: str = "is_success"
    """Key of `info` that reports success, or `terminated`: that the environment ended the episode."""
    sparse: bool = True
    """Learn from reward 1 at success; otherwise from the environment's own rewards."""
    demonstrations: NoisyDemonstrations = NoisyDemonstrations()


Suite = Annotated[MetaworldSuite | GoalSuite | OgbenchSuite | GymSuite, Field(discriminator="suite")]
