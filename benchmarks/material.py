"""What is measured with: the demo's configuration, and a store with some episodes, labels and one policy version."""

from dataclasses import dataclass
from pathlib import Path

from flywheel import wiring
from flywheel.config import Config, load
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, Source
from flywheel.core.training import TrainingRequest
from flywheel.journal import Journal
from flywheel.ports import Ports

DEMO = Path(__file__).parents[1] / "deploy" / "examples" / "metaworld.yaml"
POLICY = "policy-0000"


@dataclass(frozen=True, kw_only=True)
class Material:
    """A store and what is in it."""

    config: Config
    store: str
    ports: Ports
    episodes_version: int
    labels_version: int

    def requests(self, number: int, *, episodes_per_task: int) -> list[EpisodeRequest]:
        """Episodes of the policy version that no other number has."""
        plan = self.ports.plan
        counts = dict.fromkeys(plan.tasks, episodes_per_task)
        return plan.requests(Source.COLLECTION, iteration=number, episodes_per_task=counts, policy_id=POLICY)

    def training(self, policy_id: str, *, num_updates: int) -> TrainingRequest:
        """A version from fresh weights, as iteration 0 trains it."""
        plan = self.ports.plan
        return TrainingRequest(
            iteration=0,
            policy_id=policy_id,
            parent=None,
            episodes_version=self.episodes_version,
            labels_version=self.labels_version,
            mixture=plan.mixture[0],
            num_updates=num_updates,
            bc_weight=plan.bc_weight[0],
            temperature=plan.temperature[0],
            learning_rate=plan.learning_rate[0],
            seed=0,
        )


def prepare(store: str, *, demonstrations_per_task: int = 20, num_updates: int = 100) -> Material:
    """Fills a new store, in this process."""
    config = load(DEMO)
    ports = wiring.local(config, store, Journal())
    counts = dict.fromkeys(ports.plan.tasks, demonstrations_per_task)
    requests = ports.plan.requests(Source.DEMONSTRATION, iteration=0, episodes_per_task=counts)
    parts, summaries = ports.collectors.collect(requests, Behaviour(sampled=True), ports.observer)
    episodes_version = ports.episodes.commit(parts, transaction="demonstrations")
    parts = ports.relabeler.relabel(summaries, episodes_version=episodes_version, observer=ports.observer)
    labels_version = ports.labels.commit(parts, transaction="labels")
    material = Material(
        config=config,
        store=store,
        ports=ports,
        episodes_version=episodes_version,
        labels_version=labels_version,
    )
    ports.trainer.train(material.training(POLICY, num_updates=num_updates), ports.observer)
    return material
