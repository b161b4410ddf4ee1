"""Supervisor: the Ray actor that owns the running loop. It may die at any time: the records say where to go on."""

import traceback
from typing import Any

import ray

from flywheel import loop, wiring
from flywheel.cluster import nodes
from flywheel.config import Config
from flywheel.core.errors import (
    ConfigError,
    EpisodeError,
    FlywheelError,
    RecordExistsError,
    ResumeError,
    StoreError,
    StoreUnavailableError,
)
from flywheel.journal import Ending, Journal, News
from flywheel.narration import Narration
from flywheel.presence import StoredPresence
from flywheel.store.objects import open_objects


class Supervisor:
    """Runs the loop in one thread and tells its news in another."""

    def __init__(self, *, config: Config, store: str) -> None:
        self._config, self._store = config, store
        self._journal = Journal()

    def run(self, *, iterations: int, until: float | None, accept_version: bool = False) -> Ending:
        """Turns the wheel until it is done, then writes the report. Errors come back as an ending, never raised."""
        try:
            with (
                Narration(store=self._store, others=self._journal) as narration,
                wiring.on_ray(self._config, self._store, narration.observer) as ports,
                narration.turning(),
                # A service on the same store leaves alone what this process turns.
                StoredPresence(objects=open_objects(self._store), owner=ports.owner).shown(),
            ):
                loop.run(ports, iterations=iterations, until=until, accept_version=accept_version)
            self._journal.event("writing the report")
            wiring.write_report(self._config, self._store)
        except FlywheelError as failure:
            wrong_input = isinstance(failure, ConfigError | ResumeError | StoreError | EpisodeError) and not isinstance(
                failure, RecordExistsError | StoreUnavailableError
            )
            return Ending(exit_code=2 if wrong_input else 1, message=str(failure))
        except Exception:  # noqa: BLE001 - the root cause must reach the user, whatever it is
            return Ending(exit_code=1, message=traceback.format_exc())
        return Ending(exit_code=0)

    def since(self, seen: int) -> News:
        """See `Journal.since`."""
        return self._journal.since(seen)


def start(*, config: Config, store: str) -> Any:
    """The supervisor as an actor on Ray's head: one thread for the loop, one for those who ask."""
    dressed = ray.remote(Supervisor).options(num_cpus=0, resources=nodes.ON_HEAD, max_concurrency=2)
    return dressed.remote(config=config, store=store)
