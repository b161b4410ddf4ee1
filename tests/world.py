"""A small world that the stages and the loop turn in: stores that outlive a crash, and processes that do not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from factories import content
from fakes import (
    CONTRACT,
    DirectRelabeler,
    InstantTrainer,
    MemoryEndpoint,
    MemoryEpisodes,
    MemoryLabels,
    MemoryPolicies,
    MemoryRecords,
    MemoryReference,
    Notebook,
    ScriptedCollectors,
)

from flywheel.core.allocation import AllocationRules
from flywheel.core.control import IterationState
from flywheel.core.entry import CHRONICLE, Action, Entry
from flywheel.core.episode import EpisodeRequest, Outcome
from flywheel.core.error_budget import ErrorBudget, Scheme
from flywheel.core.gate_rules import GateRules
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.mixture import Mixture
from flywheel.core.plan import InitialWeights, Plan
from flywheel.core.task import Task, Within
from flywheel.ports import Ports
from flywheel.stages.plan import plan
from flywheel.store.chronicle import RecordedChronicle

REACH, PUSH = "suite/reach", "suite/push"
TASKS = {
    name: Task(name=name, scene="table", instruction=name, rule=Within(point="tool", target="target", radius_m=radius))
    for name, radius in ((REACH, 1.0), (PUSH, 0.5))
}
Script = Callable[[EpisodeRequest, int], Outcome]
CLOCKED = ("wall_s", "work_s", "update_s", "data_wait_s", "metrics.json", "at", "owner")
"""What a record says about time; all else in it is the same in every run."""


def make_rules(**changes: Any) -> GateRules:
    """Of gates that decide by 16 pairs."""
    values: dict[str, Any] = {
        "budget": ErrorBudget(scheme=Scheme.FWER, total=0.1, attempts=5),
        "max_pairs": 16,
        "batch": 8,
        "margin": 0.15,
        "narrow_margin": 0.1,
    }
    return GateRules(**(values | changes))


def make_plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "seed": 3,
        "demonstrations": {REACH: 3, PUSH: 2},
        "collect_episodes_per_task": 2,
        "sharpness": 2.0,
        "random_actions": 0.25,
        "evaluate_episodes_per_task": 4,
        "final_episodes_per_task": 5,
        "mixture": (Mixture(sources={"demonstration": 0.5, "collection": 0.5}),),
        "num_updates": (30, 10),
        "bc_weight": (1.0, 0.5, 0.3),
        "temperature": (0.02, 0.01),
        "learning_rate": (1e-3,),
        "initial_weights": InitialWeights.CANDIDATE,
        "allocation": AllocationRules(),
        "gate": make_rules(),
    }
    return Plan(**(values | changes))


def skilled(successes: Mapping[str | None, int]) -> Script:
    """Policy version (None: the demonstrators) -> how many of the first episodes of each task that are asked of it at
    once succeed; the gate asks for 8."""

    def outcome(request: EpisodeRequest, place: int) -> Outcome:
        return Outcome.SUCCESS if place < successes.get(request.policy_id, 0) else Outcome.FAILURE

    return outcome


RISING = skilled({None: 1, "policy-0000": 1, "policy-0001": 4, "policy-0002": 7, "policy-0003": 8})
"""Every version is better than the one before; the first two of them by enough for the gate."""


class World:
    """What is stored. `ports()` are new processes on it."""

    def __init__(self, *, script: Script = RISING, **changes: Any) -> None:
        self.plan, self.script = make_plan(**changes), script
        self.records, self.policies = MemoryRecords(), MemoryPolicies()
        self.episodes, self.labels = MemoryEpisodes(), MemoryLabels()
        self.observer = Notebook()
        self.lives = 0

    def planned(self, iteration: Iteration) -> Iteration:
        """With its plan, which no record holds."""
        return iteration.completed(Stage.PLAN, plan(iteration, self.ports()))

    def ports(self, **changes: Any) -> Ports:
        self.lives += 1
        values: dict[str, Any] = {
            "plan": self.plan,
            "contract": lambda: CONTRACT,
            "records": self.records,
            "chronicle": RecordedChronicle(records=self.records),
            "episodes": self.episodes,
            "labels": self.labels,
            "policies": self.policies,
            "collectors": ScriptedCollectors(episodes=self.episodes, outcome=self.script),
            "relabeler": DirectRelabeler(tasks=TASKS, episodes=self.episodes, labels=self.labels),
            "trainer": InstantTrainer(policies=self.policies),
            "endpoint": MemoryEndpoint(policies=self.policies),
            "reference": MemoryReference(policies=self.policies),
            "observer": self.observer,
            "owner": f"life {self.lives}",
        }
        return Ports(**(values | changes))


def contents(ports: Ports) -> dict[str, Any]:
    """Everything that a run made, to the bit, but for what records say about time, and how many processes made it."""
    keys = [key for key in ports.records.keys("") if not key.startswith(CHRONICLE)]
    records = {key: _timeless(ports.records.read(key)) for key in keys}
    trained = [record["policy_id"] for key, record in records.items() if key.endswith("/train")]
    return {
        "records": records,
        "chronicle": _told(ports.chronicle.control().entries),
        "episodes": [content(episode) for episode in ports.episodes.read()],
        "labels": {
            episode_id: [content(label) for label in labels] for episode_id, labels in ports.labels.read().items()
        },
        "policies": {policy_id: ports.policies.version(policy_id) for policy_id in trained},
    }


def starts(ports: Ports) -> list[tuple[str, str]]:
    """(Iteration, process) of each `iteration.started`."""
    entries = ports.chronicle.control().entries
    return [(entry.subject, entry.details["owner"]) for entry in entries if entry.action is Action.ITERATION_STARTED]


def _told(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Without their places, which follow: another process that takes an iteration over says so in an entry."""
    told = []
    for entry in entries:
        if entry.action is Action.ITERATION_STARTED and entry.before == IterationState.RUNNING:
            continue
        told.append({name: value for name, value in _timeless(entry.plain).items() if name != "number"})
    return told


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _timeless(item) for name, item in value.items() if name not in CLOCKED}
    return value
