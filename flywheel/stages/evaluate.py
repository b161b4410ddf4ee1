"""Evaluate: candidate against live version on the same initial states, batch by batch, until the gate decides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Source
from flywheel.core.gate import Against, Decision, PromotionGate, Verdict, judge_first
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.pairs import compared
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def evaluate(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """All take their most likely actions. The episodes are data for the iterations to come.

    Each batch is committed before the gate looks at it, so whatever interrupts it, no more than a batch is repeated.
    """
    contest = Contest.of(iteration, ports.plan)
    _tell_plan(contest, iteration.outcomes[Stage.PLAN]["planned_pairs"], ports)
    version, work_s, committed = 0, 0.0, []
    while (asked := contest.due()) is not None:
        version, made, spent_s = gather(
            asked.requests, Behaviour(sampled=False), transaction=asked.transaction, ports=ports
        )
        contest, work_s = contest.having(made), work_s + spent_s
        committed.append(asked.transaction)
    verdict, errors = contest.verdict, ports.plan.gate.label_errors
    others = {who: None if who is None else results(contest.episodes_of(who), errors) for who in contest.others}
    anchor = None if contest.gate is None else contest.gate.anchor
    return {
        "policy_id": contest.candidate,
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "transactions": committed,
        "tasks": results(contest.episodes_of(contest.candidate), errors),
        "live": contest.live,
        "live_tasks": others[contest.live],
        "anchor": anchor,
        "anchor_tasks": others[anchor] or None,
        "decision": str(verdict.decision),
        "reason": verdict.reason,
        "evidence": contest.evidence,
        "work_s": work_s,
    }


@dataclass(frozen=True, kw_only=True)
class Contest:
    """An evaluation so far: what was made decides what is asked for next."""

    number: int
    """Of the iteration."""
    plan: Plan
    gate: PromotionGate | None
    """None: no version is live."""
    candidate: str
    live: str | None
    episodes: tuple[EpisodeSummary, ...] = ()

    @classmethod
    def of(cls, iteration: Iteration, plan: Plan) -> "Contest":
        """From the records of the iteration's plan and training; nothing was made yet."""
        gate = iteration.outcomes[Stage.PLAN]["gate"]
        return cls(
            number=iteration.number,
            plan=plan,
            gate=None if gate is None else PromotionGate.of(gate),
            candidate=iteration.outcomes[Stage.TRAIN]["policy_id"],
            live=iteration.live,
        )

    def having(self, made: Sequence[EpisodeSummary]) -> "Contest":
        return replace(self, episodes=(*self.episodes, *made))

    def due(self) -> Order | None:
        """The next batch, of both versions; None: it is decided."""
        if self.gate is None:
            return None if self.episodes else self._first()
        if not self.episodes:
            # The first batch is asked for in any case: its episodes are data, and the endpoint is proven on them.
            return self._batch(self.gate, dict.fromkeys(self.gate.margins, self.gate.batch), Against.LIVE)
        verdict = self.verdict
        if verdict.decision is not Decision.CONTINUE:
            return None
        return self._batch(self.gate, dict(verdict.needs), verdict.against)

    @cached_property
    def verdict(self) -> Verdict:
        if self.gate is None:
            made = self.episodes_of(self.candidate)
            return judge_first({task: [some.outcome for some in made if some.task == task] for task in self.plan.tasks})
        return self.gate.judge(self.pairs(self.live), self.pairs(self.gate.anchor))

    @property
    def others(self) -> set[str | None]:
        return {None, self.live, None if self.gate is None else self.gate.anchor}

    @property
    def evidence(self) -> dict[str, Any] | None:
        """All that the verdict can be recomputed from, with the gate that the plan holds; None without a gate."""
        if self.gate is None:
            return None
        return {
            "alpha": self.gate.alpha,
            "pairs": self.pairs(self.live),
            "anchor_pairs": self.pairs(self.gate.anchor),
            "looks": [look.plain for look in self.verdict.looks],
        }

    def episodes_of(self, policy_id: str | None) -> list[EpisodeSummary]:
        return [episode for episode in self.episodes if episode.behaviour_policy == policy_id]

    def pairs(self, other: str | None) -> dict[str, str]:
        """Task -> letters, in the order of the indices of the initial states; nothing where there is no other."""
        assert self.gate is not None, "without a gate nothing is compared"
        ours, theirs = (
            {(some.task, some.seed): some for some in self.episodes_of(who)} for who in (self.candidate, other)
        )
        letters = {}
        for task in self.gate.margins if other is not None else ():
            states = [(task, seed) for seed in self._seeds(task, self.gate.max_pairs)]
            both = [state for state in states if state in ours and state in theirs]
            assert both == states[: len(both)], "pairs are made in the order of their indices"
            letters[task] = "".join(compared(ours[state], theirs[state]) for state in both)
        return letters

    def _first(self) -> Order:
        return Order(
            transaction=f"{self.number:04d}-evaluate-first",
            requests=self._requests(
                self.candidate, dict.fromkeys(self.plan.tasks, self.plan.evaluate_episodes_per_task), first=0
            ),
        )

    def _batch(self, gate: PromotionGate, needs: dict[str, int], against: Against) -> Order:
        """The candidate's episodes first: collectors go on to the other's as they have done theirs."""
        (pairs,) = set(needs.values())
        other = self.live if against is Against.LIVE else gate.anchor
        first, made = pairs - gate.batch, {(some.task, some.seed) for some in self.episodes_of(self.candidate)}
        ours = [
            request
            for request in self._requests(self.candidate, needs, first=first)
            if (request.task, request.seed) not in made
        ]
        beside = "anchor-" if against is Against.ANCHOR else ""
        return Order(
            transaction=f"{self.number:04d}-evaluate-{beside}{pairs:03d}",
            requests=[*ours, *self._requests(other, needs, first=first)],
        )

    def _requests(self, policy_id: str | None, needs: dict[str, int], *, first: int) -> list[EpisodeRequest]:
        return self.plan.requests(
            Source.EVALUATION, iteration=self.number, episodes_per_task=needs, policy_id=policy_id, first=first
        )

    def _seeds(self, task: str, count: int) -> list[int]:
        return self.plan.seeds(Source.EVALUATION, iteration=self.number, task=task, count=count)


def transactions(iteration: Iteration) -> list[str]:
    """All that an evaluation after this plan may commit, in order."""
    number, gate = iteration.number, iteration.outcomes[Stage.PLAN]["gate"]
    if gate is None:
        return [f"{number:04d}-evaluate-first"]
    looks = range(gate["batch"], gate["max_pairs"] + 1, gate["batch"])
    kinds = ("", "anchor-") if gate["anchor"] else ("",)
    return [f"{number:04d}-evaluate-{kind}{pairs:03d}" for kind in kinds for pairs in looks]


def _tell_plan(contest: Contest, planned_pairs: int | None, ports: Ports) -> None:
    if contest.gate is not None and planned_pairs is not None:
        ports.observer.event(
            f"gate: alpha {contest.gate.alpha}; of a candidate as good as {contest.live}, about {planned_pairs} pairs "
            f"per task show that nothing is lost, with 80% power; at most {contest.gate.max_pairs} are made"
        )
