from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from factories import random_episode
from listening import Listener

from flywheel.cluster import relabeling
from flywheel.cluster.relabeling import RayRelabeler
from flywheel.cluster.session import RaySession
from flywheel.core.errors import NotFoundError
from flywheel.core.task import Task, Within
from flywheel.ports import Part
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.workers.collecting import summary
from flywheel.workers.relabeling import relabel_episodes

TASKS = {
    name: Task(name=name, scene="table", instruction=name, rule=Within(point="tool", target="target", radius_m=radius))
    for name, radius in (("suite/reach", 1.0), ("suite/push", 0.5))
}


@dataclass(frozen=True)
class Relabel:
    """In whatever process it is called."""

    folder: Path

    def __call__(self, episode_ids: Sequence[str], episodes_version: int) -> Part:
        objects = open_objects(str(self.folder))
        return relabel_episodes(
            episode_ids,
            tasks=TASKS,
            episodes=DeltaEpisodes(objects=objects),
            episodes_version=episodes_version,
            labels=DeltaLabels(objects=objects),
        )


def test_tasks_side_by_side_label_as_one_process_does(
    ray_session: RaySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(relabeling, "EPISODES_PER_TASK", 2)
    objects = open_objects(str(tmp_path))
    episodes, labels = DeltaEpisodes(objects=objects), DeltaLabels(objects=objects)
    made = [random_episode(number) for number in range(5)]
    version = episodes.commit([episodes.write(made)], transaction="episodes")
    listener = Listener()
    parts = RayRelabeler(relabel=Relabel(tmp_path), num_tasks=2).relabel(
        [summary(episode) for episode in made], episodes_version=version, observer=listener
    )
    assert [part.num_rows for part in parts] == [4, 4, 2]
    assert [report[:2] for report in listener.reports][-1] == (5, 5)
    found = labels.read(version=labels.commit(parts, transaction="labels"))
    for episode in made:
        near = np.linalg.norm(episode.facts["tool"] - episode.facts["target"], axis=-1).min()
        assert {label.task: label.success for label in found[episode.episode_id]} == {
            "suite/reach": near <= 1.0,
            "suite/push": near <= 0.5,
        }


def test_an_error_of_ours_comes_out_as_it_is(ray_session: RaySession, tmp_path: Path):
    missing = summary(random_episode(0))
    with pytest.raises(NotFoundError) as caught:
        RayRelabeler(relabel=Relabel(tmp_path), num_tasks=2).relabel([missing], episodes_version=3, observer=Listener())
    assert "Traceback" not in str(caught.value)
