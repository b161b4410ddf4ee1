"""Every setting, with its meaning and unit. Unknown keys and impossible values are refused before anything starts."""

from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from flywheel.config.control import ControlConfig, Filmed, OidcConfig, VideosConfig, WebhooksConfig
from flywheel.config.gate import GateConfig, LabelErrorsConfig
from flywheel.config.learner import Algorithm, NetworkConfig, TrainConfig
from flywheel.config.mixture import MixtureConfig
from flywheel.config.overrides import Overrides, merged
from flywheel.config.retention import RetentionConfig, RetentionRule
from flywheel.config.section import Count, Name, Section, Share
from flywheel.config.storage import StorageConfig
from flywheel.config.suites import (
    GoalSuite,
    GymSuite,
    MetaworldDemonstrations,
    MetaworldSuite,
    NoisyDemonstrations,
    OgbenchSuite,
    Suite,
)
from flywheel.core.allocation import Allocation
from flywheel.core.errors import ConfigError

__all__ = [
    "Algorithm",
    "CollectConfig",
    "Config",
    "ControlConfig",
    "EvaluateConfig",
    "Filmed",
    "GateConfig",
    "GoalSuite",
    "GymSuite",
    "LabelErrorsConfig",
    "MetaworldDemonstrations",
    "MetaworldSuite",
    "MixtureConfig",
    "NetworkConfig",
    "NoisyDemonstrations",
    "OgbenchSuite",
    "OidcConfig",
    "Overrides",
    "ResourcesConfig",
    "RetentionConfig",
    "RetentionRule",
    "StorageConfig",
    "Suite",
    "TrainConfig",
    "VideosConfig",
    "WebhooksConfig",
    "load",
    "overridden",
    "parse",
]


class CollectConfig(Section):
    """The policy's own episodes."""

    episodes_per_task: Count = 50
    """On average over the tasks: times their number it is what an iteration collects."""
    allocation: Allocation = Allocation.WEAKEST
    """How tasks share them: `uniform`, or `weakest`: more of a task the lower its success may be."""
    floor: Share = 0.5
    """Share of a uniform allocation that every task gets at least."""
    revisit: Share = 0.2
    """Share of a task's episodes, at most, that begin where the live version failed in the last evaluation."""
    sharpness: Annotated[float, Field(gt=0.0)] = 2.0
    """Actions are drawn from the policy's distribution to this power: above 1, nearer to its most likely ones."""
    random_actions: Share = 0.0
    """Share of decisions replaced by uniform random actions."""
    num_environments: Count = 24
    """Environments stepped together in one collector."""
    episode_timeout_s: Annotated[float, Field(gt=0.0)] = 120.0
    """Wall seconds without a finished episode after which a collector counts as hung and is replaced."""


class EvaluateConfig(Section):
    """Most likely actions, fresh initial states."""

    episodes_per_task: Count = 50
    """Of a candidate while no version is live. Once one is, the gate says how many: see `gate`."""
    final_episodes_per_task: Count = 100
    """Of the last live version, for the report."""


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
    retention: RetentionConfig = RetentionConfig()
    storage: StorageConfig = StorageConfig()
    control: ControlConfig = ControlConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [f"{suite.suite}/{task}" for suite in self.suites for task in suite.tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"suites: {', '.join(twice)} is listed twice")
        foreign = sorted({task for mixture in self.train.mixture for task in mixture.tasks} - set(names))
        if foreign:
            raise ValueError(f"train.mixture: {', '.join(foreign)} is no task of the suites")
        foreign = sorted({*self.gate.margins, *self.gate.label_errors} - set(names))
        if foreign:
            raise ValueError(f"gate: {', '.join(foreign)} is no task of the suites")
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


def overridden(config: Config, overrides: Overrides, *, origin: str) -> Config:
    """The configuration of one iteration. ConfigError: together they do not fit; it names the origin and the keys."""
    return parse(merged(config.model_dump(mode="json"), overrides), origin=origin)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
