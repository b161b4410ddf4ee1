"""Composition root: a configuration and a store become the ports of a loop. Nothing here decides anything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import nn

from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.relabeling import RayRelabeler
from flywheel.cluster.serving import ServeEndpoint
from flywheel.cluster.training import RayTrainer
from flywheel.config import Algorithm, Config, MixtureConfig, ResourcesConfig, parse
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.contract import Contract, contract_digest, unite
from flywheel.core.errors import ConfigError
from flywheel.core.gate import PromotionGate
from flywheel.core.mixture import Mixture
from flywheel.core.plan import Plan
from flywheel.core.training import TrainingRequest
from flywheel.environments import suites
from flywheel.local import LocalCollectors, LocalEndpoint, LocalRelabeler, LocalTrainer, StoredPolicies
from flywheel.ports import Observer, Part, Policies, Ports
from flywheel.report import write as report
from flywheel.report.results import build_report
from flywheel.report.schema import Report
from flywheel.store.catalogue import DeltaCatalogue
from flywheel.store.checkpoints import ObjectCheckpoints
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.identity import claim, configuration
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.store.probe import prove_put_if_absent
from flywheel.store.records import JsonRecords
from flywheel.store.retries import Patience
from flywheel.store.spool import SPOOL_PATIENCE, SpooledParts, default_folder
from flywheel.workers.collecting import Collector
from flywheel.workers.relabeling import relabel_episodes
from flywheel.workers.training import Place, TrainingRun

FREE_KEYS = ("iterations", "until", "resources", "retention", "storage")
"""Settings that may change between runs on one store: they do not change what any episode or policy is."""


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
            gate=PromotionGate(min_episodes=config.evaluate.episodes_per_task, margin=config.gate.margin),
        )

    def collector(self) -> Collector:
        return Collector(
            environment=suites.factory(self.config.suites),
            demonstrator=partial(suites.demonstrator_of, self.config.suites),
            policies=self.policies,
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
            contract=self.contract,
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
            discount=train.discount,
            num_steps=train.num_steps,
            only_successes=train.algorithm is Algorithm.FILTERED_BC,
            batch_size=train.batch_size,
            checkpoint_every=train.checkpoint_every,
            episodes=self.episodes,
            labels=self.labels,
            policies=self.policies,
            checkpoints=self.checkpoints,
            catalogue=DeltaCatalogue(episodes=self.episodes, labels=self.labels),
            memory_bytes=train.memory_bytes,
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


def check(config: Config, store: str) -> None:
    """Before any work: the tasks exist, and the store can be relied on and is this configuration's or new.

    ConfigError, StoreError.
    """
    suites.check(config.suites)
    objects = open_objects(store, patience=Patience(deadline_s=config.storage.deadline_s))
    prove_put_if_absent(objects)
    claim(
        objects,
        config.model_dump(mode="json"),
        created_by=CODE_VERSION,
        free_keys=FREE_KEYS,
    )


def configuration_of(store: str) -> Config:
    """The configuration that the store belongs to. ConfigError: it belongs to none."""
    found = configuration(open_objects(store))
    if found is None:
        raise ConfigError(f"{store}: no flywheel was ever run here")
    return parse(found, origin=store)


def plan_of(store: str) -> Plan:
    """What every turn on the store does. ConfigError: no flywheel was ever run there."""
    return Workshop(config=configuration_of(store), store=store).plan()


def policies_of(store: str) -> Policies:
    """The policy versions of a store: what an endpoint's replicas need."""
    return ObjectPolicies(objects=open_objects(store))


def write_report(config: Config, store: str) -> Report:
    """Writes report.json and report.html at the store's root. StoreError: there is nothing to report yet."""
    objects = open_objects(store)
    return report.write_report(
        records=JsonRecords(objects=objects),
        episodes=DeltaEpisodes(objects=objects),
        config=config.model_dump(mode="json"),
        put=objects.put,
    )


def report_of(config: Config, store: str) -> Report:
    """What `report.json` says, without rendering anything."""
    return build_report(JsonRecords(objects=open_objects(store)), config.model_dump(mode="json"))


def local(config: Config, store: str, observer: Observer) -> Ports:
    """Everything in this process."""
    workshop = Workshop(config=config, store=store)
    place = Place(num_threads=config.resources.train_threads)
    return Ports(
        plan=workshop.plan(),
        contract=lambda: contract_digest(workshop.contract),
        records=workshop.records,
        episodes=workshop.episodes,
        labels=workshop.labels,
        policies=workshop.policies,
        collectors=LocalCollectors(collector=workshop.collector),
        relabeler=LocalRelabeler(relabel=workshop.relabel),
        trainer=LocalTrainer(run=lambda request: workshop.training_run(request, place)),
        endpoint=LocalEndpoint(policies=workshop.policies),
        reference=StoredPolicies(policies=workshop.policies),
        observer=observer,
    )


@contextmanager
def on_ray(config: Config, store: str, observer: Observer) -> Iterator[Ports]:
    """Actors, Ray Train and Ray Serve on the Ray that this process is connected to; all of them end with the block."""
    workshop, resources = Workshop(config=config, store=store), config.resources
    collectors = RayCollectors(
        collector=workshop.collector,
        episodes=workshop.episodes,
        num_collectors=resources.num_collectors,
        num_environments=config.collect.num_environments,
        episode_timeout_s=config.collect.episode_timeout_s,
    )
    endpoint = ServeEndpoint(policies=f"{__name__}:policies_of", store=store, port=resources.endpoint_port)
    try:
        yield Ports(
            plan=workshop.plan(),
            contract=lambda: contract_digest(workshop.contract),
            records=workshop.records,
            episodes=workshop.episodes,
            labels=workshop.labels,
            policies=workshop.policies,
            collectors=collectors,
            relabeler=RayRelabeler(relabel=workshop.relabel),
            trainer=RayTrainer(
                run=workshop.training_run,
                num_workers=resources.num_train_workers,
                num_threads=resources.train_threads,
                use_gpu=resources.use_gpu,
            ),
            endpoint=endpoint,
            reference=StoredPolicies(policies=workshop.policies),
            observer=observer,
        )
    finally:
        endpoint.close()
        collectors.close()


def num_gpus(resources: ResourcesConfig) -> int:
    """GPUs of an embedded Ray."""
    return resources.num_train_workers if resources.use_gpu else 0


def num_places(resources: ResourcesConfig) -> int:
    """Logical CPUs of an embedded Ray. Stages take turns on the cores, so their processes may outnumber them."""
    return resources.num_collectors + resources.num_train_workers + 3
