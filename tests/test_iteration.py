import pytest

from flywheel.core.errors import IterationError
from flywheel.core.iteration import PRODUCTS, Iteration, Stage


def outcome(stage, **values):
    """Of the plan: nobody is live, and policy-0000 was trained last."""
    who = {"live": None, "candidate": "policy-0000"} if stage is Stage.PLAN else {}
    return dict.fromkeys(PRODUCTS[stage], 0) | who | values


def finished(iteration, **values):
    for stage in iteration.remaining():
        iteration = iteration.completed(stage, outcome(stage, **values))
    return iteration


PRETRAINING = ("plan", "ingest", "relabel", "train", "evaluate", "deploy")
IMPROVEMENT = ("plan", "collect", "relabel", "train", "evaluate", "deploy")


@pytest.mark.parametrize("number", [0, 1])
def test_pretraining_has_demonstrations_instead_of_its_own_episodes(number):
    assert Iteration(number=number).stages == PRETRAINING
    assert Iteration(number=number, live="policy-0000").stages == IMPROVEMENT
    assert Iteration(number=number, candidate="policy-0000").stages == IMPROVEMENT


def test_in_schedules_pretraining_is_0_and_an_improvement_never():
    places = [Iteration(number=number).place for number in range(3)]
    assert places == [0, 0, 0]
    places = [Iteration(number=number, candidate="policy-0000").place for number in range(3)]
    assert places == [1, 1, 2]


def test_pretraining_is_decided_by_the_plan_and_not_by_what_comes_after():
    planned = Iteration(number=4, live="policy-0003").completed(Stage.PLAN, outcome(Stage.PLAN, candidate=None))
    assert planned.stages == PRETRAINING


@pytest.mark.parametrize(("number", "candidate"), [(0, None), (1, "policy-0000")])
def test_stages_complete_in_order_and_only_in_order(number, candidate):
    iteration = Iteration(number=number, candidate=candidate)
    while due := iteration.remaining():
        for stage in set(Stage) - {due[0]}:
            with pytest.raises(IterationError, match=f"iteration {number}: {stage} cannot complete, {due[0]} is due"):
                iteration.completed(stage, outcome(stage))
        iteration = iteration.completed(due[0], outcome(due[0], candidate=candidate))
        assert iteration.remaining() == due[1:]
    with pytest.raises(IterationError, match="nothing is due"):
        iteration.completed(Stage.DEPLOY, outcome(Stage.DEPLOY))


@pytest.mark.parametrize("stage", list(Stage))
def test_a_stage_must_have_produced_everything(stage):
    candidate = None if stage is Stage.INGEST else "policy-0000"
    iteration = Iteration(number=1, candidate=candidate)
    while iteration.remaining()[0] is not stage:
        due = iteration.remaining()[0]
        iteration = iteration.completed(due, outcome(due, candidate=candidate))
    for name in PRODUCTS[stage]:
        partial = {other: 0 for other in PRODUCTS[stage] if other != name}
        with pytest.raises(IterationError, match=f"{stage} did not produce {name}"):
            iteration.completed(stage, partial)


def test_completing_changes_nothing_that_was_there():
    before = Iteration(number=0)
    after = before.completed(Stage.PLAN, outcome(Stage.PLAN))
    assert before.remaining() == before.stages
    assert after.outcomes == {Stage.PLAN: outcome(Stage.PLAN)}


def test_the_plan_says_who_is_live_and_what_was_trained_last():
    given = Iteration(number=3, live="p0001", candidate="p0002")
    planned = given.completed(Stage.PLAN, outcome(Stage.PLAN, live="p0000", candidate="p0001"))
    assert (planned.live, planned.candidate) == ("p0000", "p0001")


def test_the_following_turn_knows_the_live_version_and_the_last_candidate():
    done = finished(Iteration(number=2, live="p0001", candidate="p0001"), live="p0001", policy_id="p0002")
    assert done.following() == Iteration(number=3, live="p0001", candidate="p0002")


def test_a_turn_that_is_not_finished_has_no_following():
    with pytest.raises(IterationError, match="iteration 0: plan is still to do"):
        Iteration(number=0).following()
