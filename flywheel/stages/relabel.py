"""Relabel: every new episode gets the rewards of every task that can judge it."""

from typing import Any

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.ports import Ports


def relabel(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Labels this iteration's own episodes, those of the evaluation that ended the one before, and uploads."""
    transaction = f"{iteration.number:04d}-relabel"
    episodes_version = iteration.outcomes[Stage.INGEST if iteration.pretrains else Stage.COLLECT]["episodes_version"]
    labels_version = ports.labels.committed(transaction)
    if labels_version is None:
        new = [
            episode
            for episode in _candidates(iteration.number, episodes_version, ports)
            if episode.outcome is not Outcome.ERROR
        ]
        parts = ports.relabeler.relabel(new, episodes_version=episodes_version, observer=ports.observer)
        labels_version = ports.labels.commit(parts, transaction=transaction)
    return {
        "episodes_version": episodes_version,
        "labels_version": labels_version,
        "data_digests": {
            "episodes": ports.episodes.digest(episodes_version),
            "labels": ports.labels.digest(labels_version),
        },
    }


def _candidates(number: int, version: int, ports: Ports) -> list[EpisodeSummary]:
    own = ports.episodes.summaries(version=version, iteration=number)
    return [
        *(episode for episode in own if episode.source in (Source.DEMONSTRATION, Source.COLLECTION)),
        *_left_by_earlier(number, version, ports),
        *_new_uploads(version, ports),
    ]


def _left_by_earlier(number: int, version: int, ports: Ports) -> list[EpisodeSummary]:
    """The evaluation that ended the iteration before, and all of those that were over before they labelled."""
    left: list[EpisodeSummary] = []
    for before in reversed(range(number)):
        made = ports.episodes.summaries(version=version, iteration=before)
        if ports.records.read(record_key(before, Stage.RELABEL)) is not None:
            return [*left, *(episode for episode in made if episode.source is Source.EVALUATION)]
        left += _unlabelled([some for some in made if some.source not in (Source.FINAL, Source.UPLOAD)], ports)
    return left


def _new_uploads(version: int, ports: Ports) -> list[EpisodeSummary]:
    """Uploads come at any time: whatever the version holds and no iteration has labelled."""
    return _unlabelled(ports.episodes.summaries(version=version, source=Source.UPLOAD), ports)


def _unlabelled(episodes: list[EpisodeSummary], ports: Ports) -> list[EpisodeSummary]:
    """An iteration may have committed its labels and never recorded it."""
    labelled = ports.labels.labelled(episode.episode_id for episode in episodes)
    return [episode for episode in episodes if episode.episode_id not in labelled]
