"""Every setting, with its meaning and unit. Unknown keys and impossible values are refused before anything starts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flywheel.core.episode import Source
from flywheel.core.errors import ConfigError
from flywheel.core.plan import InitialWeights
from flywheel.core.transition import RELABELLED

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Section(BaseModel):
    """Frozen; refuses unknown keys, infinity and NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


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


class NetworkConfig(Section):
    """The Perceiver actor-critic."""

    width: Count = 64
    """D: size of tokens and latents."""
    num_latents: Count = 4
    num_blocks: Count = 2
    """Self-attention blocks over the latents."""
    num_heads: Count = 2
    num_action_bins: Annotated[int, Field(ge=2)] = 33
    """V: values that an action dimension can take."""
    num_return_bins: Annotated[int, Field(ge=2)] = 51
    """K: of the critic's distribution."""
    return_range: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest discounted return that the critic can express."""
    history: Count = 1
    """Observations that the policy sees at once."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.num_heads:
            raise ValueError(f"width: {self.width} is not a multiple of num_heads {self.num_heads}")
        if self.return_range[0] >= self.return_range[1]:
            raise ValueError(f"return_range: {list(self.return_range)} is not a range from low to high")
        return self


class Algorithm(StrEnum):
    """Settings of one learner."""

    BC = "bc"
    FILTERED_BC = "filtered_bc"
    ALPHA_PAC = "alpha_pac"
    PAC = "pac"


class TrainConfig(Section):
    """The learner and its data."""

    algorithm: Algorithm = Algorithm.ALPHA_PAC
    bc_weight: tuple[Share, ...] = Field(default=(0.6, 0.5), min_length=1)
    """alpha of alpha-PAC, per iteration; the last value holds from there on."""
    critic_weight: Annotated[float, Field(ge=0.0)] = 1.0
    """beta."""
    temperature: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(default=(0.01, 0.005), min_length=1)
    """eta, in units of return, per iteration; the last value holds from there on."""
    num_sampled_actions: Annotated[int, Field(ge=2)] = 8
    """N: actions scored for the policy improvement."""
    num_bootstrap_actions: Count = 2
    """Actions that the critic's target averages over."""
    discount: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.97
    """Per decision."""
    num_steps: Count = 3
    """n of the n-step return, in decisions."""
    target_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01
    """Share by which the target network moves to the learner at each update."""
    learning_rate: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(default=(7e-4, 3.5e-4), min_length=1)
    """AdamW's, per iteration; the last value holds from there on."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    warmup_updates: Annotated[int, Field(ge=0)] = 100
    """Updates over which the learning rate rises from 0."""
    max_gradient_norm: Annotated[float, Field(gt=0.0)] = 1.0
    batch_size: Count = 128
    """B, over all training workers."""
    num_updates: tuple[Count, ...] = Field(default=(2500, 1000), min_length=1)
    """Per iteration; the last value holds from there on."""
    checkpoint_every: Count = 500
    """Updates between two checkpoints."""
    initial_weights: InitialWeights = InitialWeights.CANDIDATE
    """Where the iterations after 0 start: the version trained last, the live one, or fresh weights."""
    mixture: dict[
        Literal["demonstration", "collection", "evaluation", "relabelled"], Annotated[float, Field(ge=0.0)]
    ] = {
        Source.DEMONSTRATION.value: 0.3,
        Source.COLLECTION.value: 0.4,
        Source.EVALUATION.value: 0.3,
        RELABELLED: 0.0,
    }
    """Weights of the data's sources in a batch. A source without episodes gives its share to the others."""
    compile: bool = False
    """Compile the update with torch.compile: worth it on a GPU and for long training."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not sum(self.mixture.values()) > 0:
            raise ValueError("mixture: all weights are 0")
        return self


class CollectConfig(Section):
    """The policy's own episodes."""

    episodes_per_task: Count = 50
    sharpness: Annotated[float, Field(gt=0.0)] = 2.0
    """Actions are drawn from the policy's distribution to this power: above 1, nearer to its most likely ones."""
    random_actions: Share = 0.0
    """Share of decisions replaced by uniform random actions."""
    num_environments: Count = 24
    """Environments stepped together in one collector."""
    episode_timeout_s: Annotated[float, Field(gt=0.0)] = 120.0
    """Wall seconds without a finished episode after which a collector counts as hung and is replaced."""


class EvaluateConfig(Section):
    """Candidate against live version, most likely actions, the same initial states."""

    episodes_per_task: Count = 50
    final_episodes_per_task: Count = 100
    """Of the last live version, on fresh initial states, for the report."""


class GateConfig(Section):
    """The promotion gate."""

    margin: Share = 0.1
    """Success rate that a candidate may lose on one task."""


class ResourcesConfig(Section):
    """Processes. None of it changes what is computed, but for the last bits of floating-point sums."""

    num_collectors: Count = 2
    num_train_workers: Count = 1
    train_threads: Count = 1
    """Torch threads per training worker. More than one may change the last bits from run to run."""
    use_gpu: bool = False
    """Train on a GPU per worker, in bfloat16."""
    endpoint_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """TCP port of the policy endpoint; 0: any free one."""


class Config(Section):
    """One flywheel."""

    name: Name
    seed: Annotated[int, Field(ge=0)] = 0
    """Every random draw derives from it."""
    iterations: Annotated[int, Field(ge=0)] = 4
    """Improvement iterations after iteration 0, which pretrains."""
    until: Share | None = None
    """Stop early at this mean success rate of the live version."""
    suites: tuple[Suite, ...] = Field(min_length=1)
    network: NetworkConfig = NetworkConfig()
    train: TrainConfig = TrainConfig()
    collect: CollectConfig = CollectConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    resources: ResourcesConfig = ResourcesConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [f"{suite.suite}/{task}" for suite in self.suites for task in suite.tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"suites: {', '.join(twice)} is listed twice")
        size, workers = self.train.batch_size, self.resources.num_train_workers
        if size % workers:
            raise ValueError(f"train.batch_size: {size} is not a multiple of resources.num_train_workers {workers}")
        return self


def load(path: Path) -> Config:
    """Reads a YAML file. ConfigError names the file, the key and the value."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise ConfigError(f"{path}: {failure.strerror}") from failure
    except (yaml.YAMLError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{path}: not YAML: {failure}") from failure
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a mapping of settings is needed, not {type(raw).__name__}")
    return parse(raw, origin=str(path))


def parse(raw: dict[str, Any], *, origin: str) -> Config:
    """Checks plain values. ConfigError names the origin, the key and the value."""
    try:
        return Config.model_validate(raw)
    except ValidationError as failure:
        lines = [
            f"  {'.'.join(map(str, error['loc'])) or '(top)'}: {error['msg']} (given: {_short(error['input'])})"
            for error in failure.errors()
        ]
        raise ConfigError("\n".join([f"{origin}: {len(lines)} setting(s) to correct:", *lines])) from failure


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
