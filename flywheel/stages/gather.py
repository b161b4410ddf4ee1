"""Episodes asked for become episodes in the table: what ingest, collect and evaluate share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Outcome
from flywheel.core.errors import StoppedError, TakenOverError
from flywheel.core.label_errors import EXACT, LabelErrors
from flywheel.core.policy import SuccessRate
from flywheel.ports import Part, Ports


@dataclass(frozen=True, kw_only=True)
class Order:
    """Episodes that become visible together."""

    transaction: str
    requests: Sequence[EpisodeRequest]


def gather(
    requests: Sequence[EpisodeRequest], behaviour: Behaviour, *, transaction: str, ports: Ports
) -> tuple[int, list[EpisodeSummary], float]:
    """Makes the episodes unless the transaction says that they were made.

    Returns the table's version that holds them, their summaries, and the process seconds spent (0 if made before).
    """
    work_s = 0.0
    version = ports.episodes.committed(transaction)
    if version is None:
        if ports.episodes.committed(_stopped_name(transaction)) is not None:
            # Its process died before it could say so. What was kept has the ids that would be made again.
            raise StoppedError(f"{transaction}: it was stopped before, and what it made by then was kept")
        parts, made = ports.collectors.collect(requests, behaviour, ports.observer)
        if len(made) < len(requests):
            raise _stopped(parts, transaction, ports)
        version = ports.episodes.commit(parts, transaction=transaction)
        work_s = sum(part.work_s for part in parts)
    wanted = {request.episode_id for request in requests}
    found = ports.episodes.summaries(version=version, iteration=requests[0].iteration)
    return version, [episode for episode in found if episode.episode_id in wanted], work_s


def _stopped(parts: Sequence[Part], transaction: str, ports: Ports) -> StoppedError:
    """What was finished is kept: under a name of its own, because the stage is not done.

    Not where somebody else goes on with the stage, who makes all of it.
    """
    stopped = ports.brake() or StoppedError(f"{transaction}: stopped")
    if parts and not isinstance(stopped, TakenOverError):
        ports.episodes.commit(parts, transaction=_stopped_name(transaction))
    return stopped


def _stopped_name(transaction: str) -> str:
    return f"{transaction}-stopped"


def results(
    episodes: Sequence[EpisodeSummary], label_errors: Mapping[str, LabelErrors] | None = None
) -> dict[str, dict[str, Any]]:
    """Task -> success rate with its interval, mean time to success and what could not be scored, as plain values.

    `label_errors`, task -> errors of its success labels, widen the interval; the rate is as it was labelled.
    """
    errors = label_errors or {}
    return {
        task: _result([episode for episode in episodes if episode.task == task], errors.get(task, EXACT))
        for task in _tasks(episodes)
    }


def outcomes(*results: Mapping[str, Mapping[str, Any]] | None) -> dict[str, dict[str, int]]:
    """Task -> outcome -> episodes, added up over what `results` gave."""
    found: dict[str, Counter[str]] = {}
    for result in results:
        for task, counts in (result or {}).items():
            found.setdefault(task, Counter()).update(
                {
                    Outcome.SUCCESS: counts["successes"],
                    Outcome.FAILURE: counts["episodes"] - counts["successes"],
                    Outcome.ERROR: counts["errors"],
                    Outcome.UNSCORED: counts["unscored"],
                }
            )
    return {task: {str(outcome): count for outcome, count in some.items()} for task, some in sorted(found.items())}


def _tasks(episodes: Sequence[EpisodeSummary]) -> list[str]:
    return sorted({episode.task for episode in episodes})


def _result(episodes: Sequence[EpisodeSummary], errors: LabelErrors) -> dict[str, Any]:
    outcomes = [episode.outcome for episode in episodes]
    rate = SuccessRate.of(outcomes)
    lower, upper = errors.corrected(rate.lower, rate.upper)
    times = [episode.time_to_success_s for episode in episodes if episode.time_to_success_s is not None]
    return {
        "successes": rate.successes,
        "episodes": rate.episodes,
        "rate": rate.rate,
        "lower": lower,
        "upper": upper,
        "mean_time_to_success_s": fmean(times) if times else None,
        "errors": outcomes.count(Outcome.ERROR),
        "unscored": outcomes.count(Outcome.UNSCORED),
    }
