"""Workshop: makes the parts of one configuration on one store. Every process that works has one; it knows no Ray."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import nn

from flywheel.config import Algorithm, Config, GateConfig, MixtureConfig
from flywheel.core.allocation import AllocationRules
from flywheel.core.contract import Contract, unite
from flywheel.core.error_budget import ErrorBudget
from flywheel.core.gate_rules import GateRules
from flywheel.core.label_errors import LabelErrors
from flywheel.core.mixture import Mixture
from flywheel.core.plan import Plan
from flywheel.core.training import TrainingRequest
from flywheel.environments import suites
from flywheel.filming.darkroom import Darkroom
from flywheel.filming.filmmaker import Filmmaker
from flywheel.filming.studio import Studio
from flywheel.ports import Part, Policies
from flywheel.store.catalogue import DeltaCatalogue
from flywheel.store.checkpoints import ObjectCheckpoints
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.kept_files import of_this_machine
from flywheel.store.labels import DeltaLabels
from flywheel.store.logs import ObjectLogs
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.store.records import JsonRecords
from flywheel.store.retries import Patience
from flywheel.store.spool import SPOOL_PATIENCE, SpooledParts, default_folder
from flywheel.store.videos import ObjectVideos
from flywheel.store.whole import Store
from flywheel.workers.collecting import Collector
from flywheel.workers.relabeling import relabel_episodes
from flywheel.workers.training import Place, TrainingRun
from flywheel.workers.training_data import TrainingData


class Workshop:
    """Makes the parts of one configuration on one store; each is made when it is first asked for.

    It holds plain values until then, so that a process elsewhere can be sent a workshop and make its own parts.
    """

    def __init__(self, *, config: Config, store: str) -> None:
        self.config, self.store = config, store
        self.objects = open_objects(store, patience=Patience(deadline_s=config.storage.deadline_s))
        self.records = JsonRecords(objects=self.objects)
        self.policies = ObjectPolicies(objects=self.objects)
        self.checkpoints = ObjectCheckpoints(objects=self.objects)
        self.episodes = DeltaEpisodes(objects=self.objects)
        self.labels = DeltaLabels(objects=self.objects)
        self.videos = ObjectVideos(objects=self.objects)
        self.logs = ObjectLogs(objects=self.objects)

    @property
    def whole(self) -> Store:
        """The store's parts, for those who look after it or ask where something came from."""
        return Store(
            url=self.store,
            objects=self.objects,
            records=self.records,
            policies=self.policies,
            episodes=self.episodes,
            labels=self.labels,
        )

    def chronicle(self) -> RecordedChronicle:
        """One for this process: it remembers what it read."""
        return RecordedChronicle(records=self.records)

    def darkroom(self) -> Darkroom:
        """One for this process."""
        return Darkroom(maker=self.filmmaker(), videos=self.videos, capacity=self.config.control.videos.queue)

    def filmmaker(self) -> Filmmaker:
        return Filmmaker(suites=self.config.suites, policies=self.policies, studio=Studio())

    @cached_property
    def contract(self) -> Contract:
        """What the policy of all tasks sees and does."""
        return unite(suites.bodies_of(self.config.suites), history=self.config.network.history)

    def plan(self) -> Plan:
        config, train = self.config, self.config.train
        weights = {Algorithm.BC: (1.0,), Algorithm.FILTERED_BC: (1.0,), Algorithm.PAC: (0.0,)}
        return Plan(
            seed=config.seed,
            demonstrations={
                f"{suite.suite}/{task}": suite.demonstrations.episodes_per_task
                for suite in config.suites
                for task in suite.tasks
            },
            collect_episodes_per_task=config.collect.episodes_per_task,
            allocation=AllocationRules(
                allocation=config.collect.allocation, floor=config.collect.floor, revisit=config.collect.revisit
            ),
            sharpness=config.collect.sharpness,
            random_actions=config.collect.random_actions,
            evaluate_episodes_per_task=config.evaluate.episodes_per_task,
            final_episodes_per_task=config.evaluate.final_episodes_per_task,
            mixture=tuple(_mixture(section) for section in train.mixture),
            num_updates=train.num_updates,
            bc_weight=weights.get(train.algorithm, train.bc_weight),
            temperature=train.temperature,
            learning_rate=train.learning_rate,
            initial_weights=train.initial_weights,
            gate=_gate_rules(config.gate),
        )

    def collector(self) -> Collector:
        return Collector(
            environment=suites.factory(self.config.suites),
            demonstrator=partial(suites.demonstrator_of, self.config.suites),
            policies=ObjectPolicies(objects=self.objects, kept=of_this_machine()),
            writer=self._writer(),
            num_environments=self.config.collect.num_environments,
        )

    def _writer(self) -> SpooledParts:
        storage = self.config.storage
        return SpooledParts(
            episodes=DeltaEpisodes(objects=open_objects(self.store, patience=SPOOL_PATIENCE)),
            folder=default_folder() if storage.spool_folder is None else Path(storage.spool_folder).expanduser(),
            max_bytes=storage.spool_bytes,
        )

    def relabel(self, episode_ids: Sequence[str], episodes_version: int) -> Part:
        return relabel_episodes(
            episode_ids,
            tasks=suites.tasks_of(self.config.suites),
            episodes=self.episodes,
            episodes_version=episodes_version,
            labels=self.labels,
        )

    def training_run(
        self, request: TrainingRequest, place: Place, wrap: Callable[[nn.Module], nn.Module] = lambda module: module
    ) -> TrainingRun:
        train = self.config.train
        return TrainingRun(
            request=request,
            data=TrainingData(
                episodes=self.episodes,
                labels=self.labels,
                contract=self.contract,
                discount=train.discount,
                num_steps=train.num_steps,
                only_successes=train.algorithm is Algorithm.FILTERED_BC,
                catalogue=DeltaCatalogue(episodes=self.episodes, labels=self.labels),
                memory_bytes=train.memory_bytes,
            ),
            network=self._network(),
            learner={
                "critic_weight": train.critic_weight,
                "num_sampled_actions": train.num_sampled_actions,
                "num_bootstrap_actions": train.num_bootstrap_actions,
                "target_rate": train.target_rate,
                "weight_decay": train.weight_decay,
                "warmup_updates": train.warmup_updates,
                "max_gradient_norm": train.max_gradient_norm,
                "compiled": train.compile,
            },
            batch_size=train.batch_size,
            checkpoint_every=train.checkpoint_every,
            policies=self.policies,
            checkpoints=self.checkpoints,
            place=place,
            wrap=wrap,
        )

    def _network(self) -> dict[str, Any]:
        sizes = self.config.network.model_dump(mode="json", exclude={"history"})
        return {**sizes, "return_range": tuple(sizes["return_range"])}


def _mixture(section: MixtureConfig) -> Mixture:
    return Mixture(
        sources={str(name): weight for name, weight in section.sources.items()},
        tasks=section.tasks,
        outcomes={str(name): weight for name, weight in section.outcomes.items()},
        half_life_iterations=section.half_life_iterations,
    )


def _gate_rules(section: GateConfig) -> GateRules:
    return GateRules(
        budget=ErrorBudget(scheme=section.scheme, total=section.error_budget, attempts=section.attempts),
        max_pairs=section.max_pairs,
        batch=section.batch,
        margin=section.margin,
        narrow_margin=section.narrow_margin,
        margins=section.margins,
        near_perfect=section.near_perfect,
        improvement=section.improvement,
        anchor=section.anchor,
        label_errors={task: LabelErrors(**errors.model_dump()) for task, errors in section.label_errors.items()},
        approval=section.approval,
    )


def policies_of(store: str) -> Policies:
    """The policy versions of a store: what an endpoint's replicas need."""
    return ObjectPolicies(objects=open_objects(store), kept=of_this_machine())
