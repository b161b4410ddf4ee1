"""Relabel: every new episode gets the rewards of every task that can judge it."""

from typing import Any

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.iteration import Iteration, Stage
from flywheel.ports import Ports


def relabel(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Labels this iteration's own episodes, those of the evaluation that ended the one before, and uploads."""
    transaction = f"{iteration.number:04d}-relabel"
    episodes_version = iteration.outcomes[Stage.INGEST if iteration.number == 0 else Stage.COLLECT]["episodes_version"]
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
    before = ports.episodes.summaries(version=version, iteration=number - 1) if number else []
    return [
        *(episode for episode in own if episode.source in (Source.DEMONSTRATION, Source.COLLECTION)),
        *(episode for episode in before if episode.source is Source.EVALUATION),
        *_new_uploads(version, ports),
    ]


def _new_uploads(version: int, ports: Ports) -> list[EpisodeSummary]:
    """Uploads come at any time: whatever the version holds and no iteration has labelled."""
    uploads = ports.episodes.summaries(version=version, source=Source.UPLOAD)
    labelled = ports.labels.labelled(episode.episode_id for episode in uploads)
    return [episode for episode in uploads if episode.episode_id not in labelled]
