"""Relabelling in parallel Ray tasks."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayTaskError

from flywheel.cluster import nodes
from flywheel.core.episode import EpisodeSummary
from flywheel.core.errors import FlywheelError
from flywheel.logs import output
from flywheel.ports import Brake, Observer, Part, unstopped

EPISODES_PER_TASK = 256
BRAKE_INTERVAL_S = 0.5


class RayRelabeler:
    """`ports.Relabeler`: chunks of episodes, each labelled and written by a task of its own."""

    def __init__(
        self, *, relabel: Callable[[Sequence[str], int], Part], num_tasks: int, brake: Brake = unstopped
    ) -> None:
        """`relabel` takes episode ids and the table's version; `num_tasks` run at once.

        They need no place of Ray: they run where collectors do, which have nothing to do meanwhile.
        """
        self._relabel, self._brake, self._num_tasks = relabel, brake, num_tasks
        self._task: Any = ray.remote(_work)

    def relabel(self, episodes: Sequence[EpisodeSummary], *, episodes_version: int, observer: Observer) -> list[Part]:
        """Parts in the order of the episodes. Our own errors come out as themselves."""
        ids = [episode.episode_id for episode in episodes]
        waiting = deque(ids[first : first + EPISODES_PER_TASK] for first in range(0, len(ids), EPISODES_PER_TASK))
        where = nodes.for_role(nodes.ROLLOUT)
        task = self._task.options(num_cpus=0, label_selector=where, scheduling_strategy="SPREAD")
        order: list[Any] = []
        running: dict[Any, int] = {}
        done = 0
        try:
            while waiting or running:
                while waiting and len(running) < self._num_tasks:
                    chunk = waiting.popleft()
                    order.append(task.remote(self._relabel, chunk, episodes_version))
                    running[order[-1]] = len(chunk)
                finished, _ = ray.wait(list(running), num_returns=1, timeout=BRAKE_INTERVAL_S)
                ray.get(finished)
                done += sum(running.pop(reference) for reference in finished)
                observer.progress(done, len(ids))
                if (stopped := self._brake()) is not None:
                    for reference in running:
                        ray.cancel(reference, force=True)
                    raise stopped
        except RayTaskError as failure:
            if isinstance(failure.cause, FlywheelError):
                raise failure.cause from failure
            raise
        return list(ray.get(order))


def _work(relabel: Callable[[Sequence[str], int], Part], episode_ids: Sequence[str], episodes_version: int) -> Part:
    output.start("relabeler")
    return relabel(episode_ids, episodes_version)
