"""Tasks, and how well policy versions do them."""

from collections.abc import Iterator
from dataclasses import dataclass

from flywheel.client.policies import TaskSuccess
from flywheel.client.wire import Wire


@dataclass(frozen=True, kw_only=True)
class Task:
    """What should be achieved."""

    name: str
    """Suite and name: `metaworld/reach-v3`."""
    instruction: str
    scene: str
    """Tasks of one scene can judge one another's episodes."""
    labeler: str
    labeler_version: int
    live: str | None = None
    """The live version."""
    success: TaskSuccess | None = None
    """Of the live version, in its newest evaluation."""


@dataclass(frozen=True, kw_only=True)
class SuccessRate(TaskSuccess):
    """Success of one policy version on one task, over episodes of one source."""

    policy_id: str
    """The version that acted; `demonstrator`: none did."""
    source: str
    """evaluation, collection, final, demonstration or upload."""


class Tasks:
    """`/v1/tasks`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, name: str) -> Task:
        """By suite and name: `metaworld/reach-v3`."""
        suite, _, rest = name.partition("/")
        return self._wire.get(Task, "tasks", suite, rest)

    def all(self) -> Iterator[Task]:
        """The configuration's, by name."""
        return self._wire.pages(Task, "tasks")
