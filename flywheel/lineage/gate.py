"""The promotion gate's decisions: recomputed from what was stored, and new error budgets."""

from dataclasses import dataclass

from flywheel.core.errors import ConfigError, StoreError
from flywheel.core.gate import PromotionGate, Verdict
from flywheel.core.iteration import Outcomes, Stage
from flywheel.core.spending import BUDGETS, budget_key
from flywheel.journey import history
from flywheel.store.whole import Store


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A stored decision beside the one that its pairs give."""

    iteration: int
    policy_id: str
    live: str | None
    gate: PromotionGate | None
    """None: no version was live, so nothing was compared."""
    stored: tuple[str, str]
    """Decision and reason."""
    verdict: Verdict | None
    """From the stored pairs; None where nothing was compared."""
    differences: tuple[str, ...]
    """What is stored otherwise than it follows from the pairs."""


def explain(store: Store, number: int) -> Explanation:
    """ConfigError: the iteration was not evaluated yet. StoreError: a record is damaged, or lacks the evidence."""
    found = {some.number: some for some in history(store.records)}
    if number not in found or Stage.EVALUATE not in found[number].outcomes:
        judged = [str(some.number) for some in found.values() if Stage.EVALUATE in some.outcomes]
        raise ConfigError(f"{store.url} has no evaluation of iteration {number}; it has {', '.join(judged) or 'none'}")
    planned, evaluated = (found[number].outcomes[stage] for stage in (Stage.PLAN, Stage.EVALUATE))
    gate, verdict, differences = None, None, []
    if planned["gate"] is not None:
        try:
            gate = PromotionGate.of(planned["gate"])
            evidence = evaluated["evidence"]
            verdict = gate.judge(evidence["pairs"], evidence["anchor_pairs"])
        except (KeyError, TypeError, ValueError) as failure:
            raise StoreError(f"iteration {number}: its records do not hold the gate's evidence: {failure}") from failure
        differences = _differences(evaluated, verdict)
    return Explanation(
        iteration=number,
        policy_id=evaluated["policy_id"],
        live=evaluated["live"],
        gate=gate,
        stored=(evaluated["decision"], evaluated["reason"]),
        verdict=verdict,
        differences=tuple(differences),
    )


def renew(store: Store, *, anchor: str | None, reason: str) -> int:
    """Opens a new error budget, from the next plan on, and returns its number. ConfigError: there is no such anchor."""
    if anchor is not None and store.policies.version(anchor) is None:
        raise ConfigError(f"{store.url} has no policy version {anchor}")
    number = max((int(key.removeprefix(BUDGETS)) for key in store.records.keys(BUDGETS)), default=0) + 1
    store.records.write(budget_key(number), {"anchor": anchor, "reason": reason})
    return number


def _differences(evaluated: Outcomes, verdict: Verdict) -> list[str]:
    pairs = [
        ("decision", evaluated["decision"], str(verdict.decision)),
        ("reason", evaluated["reason"], verdict.reason),
        ("looks", evaluated["evidence"]["looks"], [look.plain for look in verdict.looks]),
    ]
    return [
        f"{what}: {'other figures are stored' if what == 'looks' else f'stored {stored!r}, recomputed {found!r}'}"
        for what, stored, found in pairs
        if stored != found
    ]
