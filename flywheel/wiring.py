"""Composition root: a configuration and a store become the ports of a loop. Nothing here decides anything."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.relabeling import RayRelabeler
from flywheel.cluster.serving import ServeEndpoint
from flywheel.cluster.training import RayTrainer
from flywheel.config import Config, ResourcesConfig, parse
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.contract import contract_digest
from flywheel.core.errors import ConfigError, RecordExistsError
from flywheel.core.plan import Plan
from flywheel.environments import suites
from flywheel.filming.studio import Heard
from flywheel.local import LocalCollectors, LocalEndpoint, LocalRelabeler, LocalTrainer, StoredPolicies
from flywheel.metrics.acting import open_meter
from flywheel.ports import Brake, Observer, Ports, unstopped
from flywheel.report import write as report
from flywheel.report.results import build_report
from flywheel.report.schema import Report
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.identity import claim, configuration
from flywheel.store.objects import Objects, open_objects
from flywheel.store.probe import prove_put_if_absent
from flywheel.store.records import JsonRecords
from flywheel.store.retries import Patience
from flywheel.store.writer import this_process
from flywheel.workers.training import Place
from flywheel.workshop import Workshop, policies_of

FREE_KEYS = ("iterations", "until", "resources", "retention", "storage", "control")
"""Settings that may change between runs on one store: they do not change what any episode or policy is."""


POLICIES = f"{policies_of.__module__}:{policies_of.__name__}"
"""What the endpoint's processes load policy versions with."""
METER = f"{open_meter.__module__}:{open_meter.__name__}"
"""What they count with."""


def check(config: Config, store: str) -> None:
    """Before any work: the tasks exist, and the store can be relied on and is this configuration's or new.

    ConfigError, StoreError.
    """
    suites.check(config.suites)
    take(config, store)


def take(config: Config, store: str) -> None:
    """The store can be relied on, and is this configuration's from now on, or is already.

    ConfigError: it is another one's. StoreError: it cannot be relied on, or is of another schema version.
    """
    prove_put_if_absent(_objects(config, store))
    claim(
        _objects(config, store),
        config.model_dump(mode="json"),
        created_by=CODE_VERSION,
        free_keys=FREE_KEYS,
        completed=_completed,
    )


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of settings that it does not have; as it is where it has one that is unknown today."""
    try:
        return parse(config, origin="store").model_dump(mode="json")
    except ConfigError:
        return config


def configuration_of(store: str) -> Config:
    """The configuration that the store belongs to. ConfigError: it belongs to none."""
    found = configuration(open_objects(store))
    if found is None:
        raise ConfigError(f"{store}: no flywheel was ever run here")
    return parse(found, origin=store)


def plan_of(store: str) -> Plan:
    """What every turn on the store does. ConfigError: no flywheel was ever run there."""
    return Workshop(config=configuration_of(store), store=store).plan()


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


def video_of(store: str, episode_id: str, heard: Heard) -> bytes:
    """MP4 of an episode; one that the store does not have is made here and kept there.

    NotFoundError: no such episode. ConflictError, FilmingError: it cannot be made.
    """
    workshop = Workshop(config=configuration_of(store), store=store)
    found = workshop.videos.find(episode_id)
    if found is not None:
        return workshop.videos.read(episode_id, start=0, length=found.num_bytes)
    (episode,) = workshop.episodes.read(episode_ids=[episode_id])
    data = workshop.filmmaker().film(episode, heard)
    with suppress(RecordExistsError):  # Another process was faster.
        workshop.videos.save(episode_id, data)
    return data


def local(config: Config, store: str, observer: Observer) -> Ports:
    """Everything in this process."""
    workshop = Workshop(config=config, store=store)
    place = Place(num_threads=config.resources.train_threads)
    return Ports(
        plan=workshop.plan(),
        contract=lambda: contract_digest(workshop.contract),
        records=workshop.records,
        chronicle=workshop.chronicle(),
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
def on_ray(
    config: Config,
    store: str,
    observer: Observer,
    *,
    brake: Brake = unstopped,
    endpoint: ServeEndpoint | None = None,
    by: str = "command line",
) -> Iterator[Ports]:
    """Actors, Ray Train and Ray Serve on the Ray that this process is connected to; all of them end with the block.

    `endpoint`: one that others share; None: one of its own.
    """
    workshop, resources = Workshop(config=config, store=store), config.resources
    collectors = RayCollectors(
        collector=workshop.collector,
        episodes=workshop.episodes,
        num_collectors=resources.num_collectors,
        num_environments=config.collect.num_environments,
        episode_timeout_s=config.collect.episode_timeout_s,
        brake=brake,
    )
    trainer = RayTrainer(
        run=workshop.training_run,
        num_workers=resources.num_train_workers,
        num_threads=resources.train_threads,
        use_gpu=resources.use_gpu,
        brake=brake,
    )
    endpoint = endpoint or ServeEndpoint(
        policies=POLICIES,
        store=store,
        port=resources.endpoint_port,
        num_replicas=config.control.endpoint_replicas,
        replicas_per_node=config.control.endpoint_replicas_per_node,
        meter=METER,
    )

    def rest() -> None:
        collectors.close()
        trainer.close()

    with closing(collectors), closing(trainer), closing(endpoint):
        yield Ports(
            plan=workshop.plan(),
            contract=lambda: contract_digest(workshop.contract),
            records=workshop.records,
            chronicle=workshop.chronicle(),
            episodes=workshop.episodes,
            labels=workshop.labels,
            policies=workshop.policies,
            collectors=collectors,
            relabeler=RayRelabeler(relabel=workshop.relabel, num_tasks=resources.num_collectors, brake=brake),
            trainer=trainer,
            endpoint=endpoint,
            reference=StoredPolicies(policies=workshop.policies),
            observer=observer,
            brake=brake,
            by=by,
            owner=str(this_process()),
            rest=rest,
        )


def num_gpus(resources: ResourcesConfig) -> int:
    """GPUs of an embedded Ray."""
    return resources.num_train_workers if resources.use_gpu else 0


def num_places(resources: ResourcesConfig) -> int:
    """Logical CPUs of an embedded Ray: collectors take one each, and all else takes turns with them on the cores."""
    return resources.num_collectors


def _objects(config: Config, store: str) -> Objects:
    return open_objects(store, patience=Patience(deadline_s=config.storage.deadline_s))
