"""The schema of report.json: frozen models that refuse unknown keys; docs/report.md is written from them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Frozen; refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Result(Section):
    """How one policy version did on one task."""

    successes: int = Field(ge=0)
    """Episodes that succeeded."""
    episodes: int = Field(ge=0)
    """n: scored episodes, successes and failures."""
    rate: float | None
    """Successes of scored episodes; null where nothing was scored."""
    lower: float
    """Lower end of the Wilson interval at 95%; 0 where nothing was scored."""
    upper: float
    """Upper end of the Wilson interval at 95%; 1 where nothing was scored."""
    mean_time_to_success_s: float | None
    """Simulated seconds, over the successes; null without one."""
    errors: int = Field(ge=0)
    """Episodes that crashed or hung; they do not count in the rate."""
    unscored: int = Field(ge=0)
    """Episodes whose success nobody reported; they do not count in the rate."""


class Mean(Section):
    """Success over tasks, each task with the same weight."""

    rate: float
    """Mean of the tasks' rates."""
    lower: float
    """Lower end of its interval at 95%, from the tasks' intervals."""
    upper: float
    """Upper end of its interval at 95%, from the tasks' intervals."""


class Data(Section):
    """The demonstrations that iteration 0 began with."""

    tasks: dict[str, Result]
    """Task -> how the demonstrators did."""
    mean: Mean | None
    """Over the tasks; null where one of them has no scored episode."""
    episodes_version: int
    """Version of the table of episodes that holds them."""


class StageTime(Section):
    """How long a stage took."""

    wall_s: float = Field(ge=0)
    """Wall seconds from its last start to its record; what an interrupted attempt took is not in it."""


class Collected(Section):
    """The episodes that the live version made for training, actions sampled."""

    behaviour_policy: str
    """The version that made them."""
    tasks: dict[str, Result]
    """Task -> how it did."""


class MixtureReport(Section):
    """What an iteration's batches were drawn from, and the difference from the iteration before."""

    sources: dict[str, float]
    """Weights of the data's sources."""
    tasks: dict[str, float]
    """Weights of tasks within each source; a task that is not named has weight 1."""
    outcomes: dict[str, float]
    """Factors on a transition's chance by its outcome; 1 where not named."""
    half_life_iterations: float | None
    """Iterations of age by which a transition's chance halves; null: age does not count."""
    shares: dict[str, dict[str, float]]
    """`source`, `task`, `outcome` and `age` (in iterations) -> share of a batch on average, by name."""
    changes: list[str]
    """Settings that are not those of the iteration before, in words."""
    differences: dict[str, dict[str, float]]
    """As `shares`: what was added to the share of the iteration before; empty where there is none."""


class TestReport(Section):
    """One of the things that the promotion gate must be shown, at one look."""

    name: str
    """A task: that no more than its margin is lost; `improvement`: that over the targets more is won than lost."""
    pairs: int = Field(ge=0)
    """All that count."""
    wins: int = Field(ge=0)
    """Pairs that the candidate won."""
    losses: int = Field(ge=0)
    """Pairs that it lost."""
    statistic: float
    """z; it passes at the bound."""
    at_best: float
    """z at the last look if chance is kind from now on."""
    passed: bool
    """Whether it reached the bound; it then counts as passed at every later look."""


class LookReport(Section):
    """What the pairs said after a batch."""

    against: Literal["live", "anchor"]
    """Whom the candidate was compared with."""
    pairs: int = Field(ge=0)
    """Per task that was still asked for."""
    bound: float
    """What a statistic must reach at this look."""
    tests: list[TestReport]
    """Those that had not passed before."""


class GateReport(Section):
    """The promotion gate of one iteration, as it was fixed before, and what it saw."""

    alpha: float
    """Chance of a wrong promotion, at most; 0: the error budget is used up."""
    boundary: float | None
    """c: the bound after n pairs is c times the root of max_pairs / n; null where alpha is 0."""
    attempt: int = Field(ge=1)
    """Which gate of its campaign it is."""
    max_pairs: int
    """Per task; then the live version stays."""
    batch: int
    """Pairs per task between two looks."""
    margins: dict[str, float]
    """Task -> success rate that may be lost there."""
    targets: list[str]
    """Tasks over which an improvement must be shown; empty: it is enough not to be worse."""
    improvement: Literal["success", "time"]
    """What must be better."""
    anchor: str | None
    """Version that the candidate must not be worse than either."""
    planned_pairs: int | None
    """Per task: about so many show that nothing is lost, with 80% power, if both versions are as good."""
    looks: list[LookReport]
    """In order."""


class PortionReport(Section):
    """What was to be collected of one task."""

    fresh: int = Field(ge=0)
    """Episodes from initial states that nobody had met."""
    revisited: int = Field(ge=0)
    """Episodes from initial states where the live version failed in the last evaluation."""


class IterationReport(Section):
    """One turn of the wheel. What a stage would have said is null until the stage has a record."""

    number: int = Field(ge=0)
    """Counts from 0, which is pretraining unless it was over before its end."""
    state: Literal["queued", "running", "waiting", "succeeded", "rejected", "failed", "cancelled"] | None
    """How it ended, or stands; null: nobody told."""
    policy_version: str | None
    """The candidate that this iteration trained."""
    parent: str | None
    """The version whose weights training started from; null: fresh weights."""
    digest: str | None
    """sha256 of the candidate's weights."""
    trained_on: dict[str, int] | None
    """Table -> the version that training read."""
    num_updates: int | None
    """Optimiser steps."""
    decision: Literal["promote", "reject"] | None
    """The promotion gate's answer."""
    reason: str | None
    """Why; of one that failed or was cancelled, its cause."""
    gate: GateReport | None
    """The gate and what it saw; null while there was nobody to compare with."""
    live: str | None
    """The live version after the turn; null while there is none."""
    stages: dict[str, StageTime]
    """Recorded stage -> its time: plan, ingest (iteration 0) or collect, relabel, train, evaluate, deploy."""
    planned: dict[str, PortionReport]
    """Task -> what the plan said to collect; empty at iteration 0."""
    collected: Collected | None
    """Null at iteration 0, which has demonstrations instead."""
    tasks: dict[str, Result] | None
    """Task -> the candidate's evaluation, most likely actions."""
    mean: Mean | None
    """Of `tasks`; null where one of them has no scored episode."""
    live_tasks: dict[str, Result] | None
    """Task -> the version that was live before, on the same initial states; null where there was none."""
    mixture: MixtureReport | None
    """What training drew from; null where its record does not say."""
    metrics: dict[str, float | None]
    """The learner's last figures; null: not a number."""


class Final(Section):
    """The last live version on fresh initial states that nothing was chosen by."""

    policy_version: str
    """The version."""
    tasks: dict[str, Result]
    """Task -> how it did, most likely actions."""
    mean: Mean | None
    """Of `tasks`; null where one of them has no scored episode."""
    wall_s: float = Field(ge=0)
    """Wall seconds."""


class Report(Section):
    """The whole file."""

    schema_version: Literal[1] = 1
    """Rises when a key changes its meaning or goes away; new keys do not raise it."""
    name: str
    """Of the configuration."""
    seed: int
    """Every random draw of the run derives from it."""
    finished: bool
    """Whether nothing is missing."""
    missing: list[str]
    """What has no record yet, in words."""
    wall_s: float = Field(ge=0)
    """All recorded stages and the final assessment."""
    data: Data
    """What the run learned from first."""
    iterations: list[IterationReport]
    """In order; the last one may be unfinished."""
    final: Final | None
    """Null until the last iteration was followed by its assessment."""
    versions: dict[str, str]
    """Program or library -> version, where the report was written."""
    config: dict[str, Any]
    """Every setting of the run."""
