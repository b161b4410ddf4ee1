"""Relabelling: every episode under every task that can judge it. Plain; Ray dresses it in cluster/."""

from collections.abc import Mapping, Sequence

from flywheel.core.episode import Outcome
from flywheel.core.task import Task, judges, relabel
from flywheel.ports import EpisodeTable, LabelTable, Part


def relabel_episodes(
    episode_ids: Sequence[str],
    *,
    tasks: Mapping[str, Task],
    episodes: EpisodeTable,
    episodes_version: int,
    labels: LabelTable,
) -> Part:
    """Writes one part with all labels of the episodes. Crashed episodes get none."""
    made = [
        relabel(episode, task)
        for episode in episodes.read(version=episodes_version, episode_ids=episode_ids)
        if episode.outcome is not Outcome.ERROR
        for task in tasks.values()
        if judges(task, episode)
    ]
    return labels.write(made)
