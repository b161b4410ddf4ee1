"""Evaluate: candidate against live version on the same initial states; the gate decides."""

from collections.abc import Sequence
from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.comparison import Decision, Pair
from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def evaluate(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Both take their most likely actions. The episodes are data for the iterations to come."""
    candidate = iteration.outcomes[Stage.TRAIN]["policy_id"]
    version, tried, work_s = _episodes_of(candidate, iteration, ports)
    live: list[EpisodeSummary] | None = None
    if iteration.live is not None:
        version, live, more_s = _episodes_of(iteration.live, iteration, ports)
        work_s += more_s
    verdict = ports.plan.gate.judge({task: _pairs(task, tried, live) for task in ports.plan.tasks})
    undecided = verdict.decision is Decision.CONTINUE
    return {
        "policy_id": candidate,
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "tasks": results(tried),
        "live": iteration.live,
        "live_tasks": None if live is None else results(live),
        "decision": str(Decision.REJECT if undecided else verdict.decision),
        "reason": f"undecided: {verdict.reason}" if undecided else verdict.reason,
        "work_s": work_s,
    }


def order(policy_id: str, iteration: Iteration, plan: Plan) -> Order:
    """What one of the two is asked for."""
    return Order(
        transaction=f"{iteration.number:04d}-evaluate-{policy_id}",
        requests=plan.requests(
            Source.EVALUATION,
            iteration=iteration.number,
            episodes_per_task=dict.fromkeys(plan.tasks, plan.evaluate_episodes_per_task),
            policy_id=policy_id,
        ),
    )


def _episodes_of(policy_id: str, iteration: Iteration, ports: Ports) -> tuple[int, list[EpisodeSummary], float]:
    asked = order(policy_id, iteration, ports.plan)
    return gather(
        asked.requests, Behaviour(policy_id=policy_id, sampled=False), transaction=asked.transaction, ports=ports
    )


def _pairs(task: str, tried: Sequence[EpisodeSummary], live: Sequence[EpisodeSummary] | None) -> list[Pair]:
    """In the order of the seeds. A crash counts against its policy; a pair that cannot be scored is left out."""
    ours = {episode.seed: episode.outcome for episode in tried if episode.task == task}
    theirs = None if live is None else {episode.seed: episode.outcome for episode in live if episode.task == task}
    return [
        Pair(candidate=ours[seed] is Outcome.SUCCESS, live=None if theirs is None else theirs[seed] is Outcome.SUCCESS)
        for seed in sorted(ours)
        if Outcome.UNSCORED not in (ours[seed], None if theirs is None else theirs[seed])
    ]
