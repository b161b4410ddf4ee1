"""Processes: those that work for the stages, and who hears of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Floats
from flywheel.core.errors import StoppedError
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.ports.parts import Part, Spooled


@dataclass(frozen=True, kw_only=True)
class CollectorCounts:
    """Of the processes that run environments."""

    alive: int = 0
    lost: int = 0
    """Since this process began: they died or hung, and were replaced."""
    num_decisions: int = 0
    """Since this process began, of finished episodes."""
    spooled: tuple[Spooled, ...] = ()
    """Of each that has something waiting."""


Brake = Callable[[], StoppedError | None]
"""Why what runs should stop; None: go on. Cheap: it is asked often."""


def unstopped() -> None:
    """The brake that nobody pulls."""


def nothing() -> None:
    """For what has nothing to end."""


class Trainer(Protocol):
    """Trains a policy version and saves it."""

    def train(self, request: TrainingRequest, observer: "Observer") -> TrainingResult:
        """Goes on from the newest checkpoint of the same request. TrainingError: it failed, with the root cause."""
        ...


class Collectors(Protocol):
    """Processes that run environments."""

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: "Observer"
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        """Makes every requested episode exactly once; one that crashes or hangs comes back with an error.

        Fewer come back only when the brake stopped it: those that were finished by then.
        Who acts, each request says. The episodes of one policy are best asked for next to one another.
        """
        ...

    def counts(self) -> CollectorCounts:
        """Any thread may ask."""
        ...


class Relabeler(Protocol):
    """Labels episodes, many at a time."""

    def relabel(self, episodes: Sequence[EpisodeSummary], *, episodes_version: int, observer: "Observer") -> list[Part]:
        """Every episode for every task that can judge it."""
        ...


class Endpoint(Protocol):
    """Serves one policy version."""

    def reserved(self) -> AbstractContextManager[Any]:
        """Within the block, no other thread makes it serve another version: what is proven of it stays true."""
        ...

    def deploy(self, policy_id: str) -> None:
        """Returns when the endpoint answers with that version. EndpointError: it does not."""
        ...

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        """Observations, modality -> [B, H, D]; most likely actions [B, A] and the version that chose them."""
        ...


class Reference(Protocol):
    """Stored weights, run in this process: what the endpoint is compared with."""

    def act(self, policy_id: str, observations: Mapping[str, Floats], task: str) -> Floats:
        """As `Endpoint.act`."""
        ...


class Observer(Protocol):
    """Hears what happens; it must not fail and changes nothing."""

    def stage_started(self, iteration: int, stage: str) -> None: ...

    def progress(self, done: int, total: int, **figures: float) -> None:
        """Of the stage that runs."""
        ...

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None: ...

    def event(self, message: str) -> None:
        """Something a person should read: a collector replaced, an episode failed."""
        ...
