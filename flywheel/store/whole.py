"""A whole store: all that lies at one URL, for those who look after it or ask where something came from."""

from collections.abc import Mapping
from dataclasses import dataclass

from flywheel.core.errors import ConfigError, NewerSchemaError, StoreError, StoreUnavailableError
from flywheel.store import identity, layout
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import Objects, open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.store.records import JsonRecords
from flywheel.store.tables import Table


@dataclass(frozen=True, kw_only=True)
class Store:
    """The parts of a store."""

    url: str
    objects: Objects
    records: JsonRecords
    policies: ObjectPolicies
    episodes: DeltaEpisodes
    labels: DeltaLabels

    @property
    def tables(self) -> Mapping[str, Table]:
        """Name -> table."""
        return {layout.EPISODES: self.episodes.table, layout.LABELS: self.labels.table}


def is_store(url: str) -> bool:
    """Whether a flywheel was ever run there. ConfigError, StoreError: nobody can tell."""
    return _claimed(open_objects(url))


def open_store(url: str, *, older: bool = False) -> Store:
    """ConfigError: no flywheel was ever run there. Errors of `identity.read`, but for a damaged identity: whoever looks
    after the store finds that."""
    objects = open_objects(url)
    if not _claimed(objects):
        raise ConfigError(f"{url}: no flywheel was ever run here")
    try:
        identity.read(objects, older=older)
    except (NewerSchemaError, StoreUnavailableError):
        raise
    except StoreError:
        pass
    return Store(
        url=url,
        objects=objects,
        records=JsonRecords(objects=objects),
        policies=ObjectPolicies(objects=objects),
        episodes=DeltaEpisodes(objects=objects),
        labels=DeltaLabels(objects=objects),
    )


def _claimed(objects: Objects) -> bool:
    return any(any(objects.keys(prefix)) for prefix in (layout.IDENTITY, layout.RECORDS))
