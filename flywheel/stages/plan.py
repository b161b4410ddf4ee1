"""Plan: what an iteration will do is recorded before it does anything."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.allocation import Allocation, AllocationRules, Portion, allocate
from flywheel.core.calibration import calibrate, tabulated
from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.core.gate import Decision, PromotionGate
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.core.policy import SuccessRate
from flywheel.core.spending import BUDGETS, Spending, budget_key
from flywheel.ports import Ports

SOON_CALIBRATED = 50
"""Pairs up to which a calibration takes less than a second."""


def plan(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Who acts, what is collected, and the gate: all from records of earlier iterations."""
    number, live = iteration.number, iteration.live
    earlier = _record_of(live, number, ports)
    spent = _spent(number, ports)
    gate = None if live is None else _gate(live, earlier, spent, ports)
    return {
        "live": live,
        "candidate": iteration.candidate,
        "live_record": {
            task: {"successes": rate.successes, "episodes": rate.episodes} for task, rate in earlier.items()
        },
        "collect": {task: portion.plain for task, portion in _portions(iteration, earlier, ports).items()},
        "gate": None if gate is None else gate.plain,
        "planned_pairs": None if gate is None or gate.boundary is None else gate.planned_pairs(earlier),
        "budget": spent.plain,
        "approval": str(ports.plan.gate.approval),
    }


def _record_of(live: str | None, number: int, ports: Ports) -> dict[str, SuccessRate]:
    """Task -> success rate of the version over the evaluations that it has just been through, one after the other."""
    rates = {task: SuccessRate(successes=0, episodes=0) for task in ports.plan.tasks}
    for before in reversed(range(number if live is not None else 0)):
        evaluated = ports.records.read(record_key(before, Stage.EVALUATE))
        if evaluated is None:  # It was over before it evaluated.
            continue
        if live not in (evaluated.get("policy_id"), evaluated.get("live")):
            break
        results = evaluated["tasks"] if evaluated["policy_id"] == live else evaluated["live_tasks"]
        for task in rates.keys() & results.keys():
            rates[task] = SuccessRate(
                successes=rates[task].successes + results[task]["successes"],
                episodes=rates[task].episodes + results[task]["episodes"],
            )
    return rates


def _spent(number: int, ports: Ports) -> Spending:
    """As this iteration finds it."""
    records = ports.records
    newest = max((int(key.removeprefix(BUDGETS)) for key in records.keys(BUDGETS)), default=0)
    asked = ports.chronicle.control().iterations.get(number)
    campaign = None if asked is None else asked.campaign
    for earlier in reversed(range(number)):
        if (before := records.read(record_key(earlier, Stage.PLAN))) is not None:
            break
    else:
        return Spending(number=newest, campaign=campaign)
    evaluated = records.read(record_key(earlier, Stage.EVALUATE)) or {}
    return Spending.of(before["budget"]).following(
        newest=newest,
        campaign=campaign,
        started=before["gate"] is not None,
        promoted=evaluated.get("decision") == Decision.PROMOTE,
    )


def _gate(live: str, earlier: Mapping[str, SuccessRate], spent: Spending, ports: Ports) -> PromotionGate:
    rules = ports.plan.gate
    alpha = rules.budget.alpha(attempt=spent.attempts + 1, promotions=spent.promotions)
    margins = rules.observed_margins(rules.margins_for(earlier))
    return rules.gate(
        earlier,
        alpha=alpha,
        boundary=_boundary(alpha, margins, ports) if alpha else None,
        anchor=_anchor(live, spent, ports),
    )


def _boundary(alpha: float, margins: tuple[float, ...], ports: Ports) -> float:
    max_pairs, batch = ports.plan.gate.max_pairs, ports.plan.gate.batch
    known = tabulated(alpha, margins=margins, max_pairs=max_pairs, batch=batch)
    if known is not None:
        return known
    if max_pairs > SOON_CALIBRATED:
        ports.observer.event(
            f"gate: calibrating for alpha {alpha}, {max_pairs} pairs in batches of {batch}; this may take half a minute"
        )
    return calibrate(alpha, margins=margins, max_pairs=max_pairs, batch=batch)


def _anchor(live: str, spent: Spending, ports: Ports) -> str | None:
    """None where there is none, or it is live. ConfigError: there is no such version."""
    opened = ports.records.read(budget_key(spent.number)) if spent.number else None
    anchor: str | None = (opened or {}).get("anchor") or ports.plan.gate.anchor
    if anchor is not None and ports.policies.version(anchor) is None:
        raise ConfigError(f"gate.anchor: there is no policy version {anchor}")
    return None if anchor == live else anchor


def _portions(iteration: Iteration, earlier: Mapping[str, SuccessRate], ports: Ports) -> dict[str, Portion]:
    """Nothing at iteration 0. Of demonstrators nothing is learned by weakness, so they share evenly."""
    if iteration.pretrains:
        return {}
    rules, budget = ports.plan.allocation, ports.plan.collect_episodes_per_task * len(ports.plan.tasks)
    if iteration.live is None:
        return allocate(budget, earlier, {}, AllocationRules(allocation=Allocation.UNIFORM, revisit=0.0))
    return allocate(budget, earlier, _failed(iteration.live, iteration.number, ports), rules)


def _failed(live: str, number: int, ports: Ports) -> dict[str, list[int]]:
    """Task -> seeds, sorted, of the initial states where the version failed in the last evaluation before `number`.

    Not in the collection: the same version draws the same actions from the same seed, so it would fail alike.
    """
    failed: dict[str, list[int]] = {}
    for before in reversed(range(number)):
        evaluated = ports.records.read(record_key(before, Stage.EVALUATE))
        if evaluated is None:  # It was over before it evaluated.
            continue
        for episode in ports.episodes.summaries(version=evaluated["episodes_version"], iteration=before):
            own = episode.behaviour_policy == live and episode.source is Source.EVALUATION
            if own and episode.outcome is Outcome.FAILURE:
                failed.setdefault(episode.task, []).append(episode.seed)
        break
    return {task: sorted(seeds) for task, seeds in failed.items()}
