"""Commands, and what their entries add up to."""

import pytest
from chronicles import control_after, doing, placed

from flywheel.core.access import Scope
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.commands import campaigns, iterations, policies, schedules, tokens, webhooks
from flywheel.core.control import FOLLOWING, Control, IterationState
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ChronicleError, ConflictError, UnknownError
from flywheel.core.schedule import Trigger

ASKED = doing(iterations.request, by="token:a", overrides={"train": {"num_updates": 3}}, max_queued=9)
STARTED = doing(iterations.start, 0, by="supervisor", owner="process 1")


def finished(state: IterationState, number: int = 0):
    return doing(iterations.finish, number, state=state, by="supervisor", reason="so it went")


def promoted(policy_id: str, iteration: int | None = None):
    return doing(policies.promote, policy_id, by="gate", reason="better", iteration=iteration)


def rolled_back(policy_id: str | None = None):
    return doing(policies.roll_back, policy_id=policy_id, by="token:a", reason="drops cups")


def test_an_iteration_goes_from_the_queue_to_its_end():
    control = control_after(
        ASKED,
        STARTED,
        doing(iterations.complete_stage, 0, "plan", by="supervisor", summary={"wall_s": 1.0}),
        doing(iterations.complete_stage, 0, "plan", by="supervisor", summary={"wall_s": 1.0}),
        doing(iterations.start, 0, by="supervisor", owner="process 1"),
        doing(iterations.start, 0, by="supervisor", owner="process 2"),
        finished(IterationState.SUCCEEDED),
    )
    status = control.iterations[0]
    assert (status.state, status.owner, status.stages) == (IterationState.SUCCEEDED, "process 2", ("plan",))
    assert (status.requested_by, status.overrides) == ("token:a", {"train": {"num_updates": 3}})
    assert (status.started_at, status.finished_at) == (control.entries[1].at, control.entries[4].at)
    assert status.reason == "so it went"
    # What was known already made no entry.
    assert len(control.entries) == 5
    assert (control.current, control.queued, control.next_iteration) == (None, [], 1)


def test_what_is_over_stays_over():
    for state in (IterationState.SUCCEEDED, IterationState.REJECTED, IterationState.FAILED, IterationState.CANCELLED):
        control = control_after(ASKED, STARTED, finished(state))
        assert control.iterations[0].state.is_terminal
        assert not FOLLOWING[state]
        with pytest.raises(ConflictError, match=f"iteration 0 is {state} already"):
            iterations.cancel(control, 0, by="token:a")
        with pytest.raises(ConflictError, match="already"):
            iterations.finish(control, 0, state=IterationState.FAILED, by="supervisor", reason="")
        # Not even somebody else's entry brings it back.
        back = Draft(action=Action.ITERATION_STARTED, subject="iterations/0", by="x", details={"owner": "y"})
        with pytest.raises(ChronicleError, match=f"makes iteration 0 running, which is {state}"):
            control.after([placed(back, control)])


def test_a_snapshot_is_not_disturbed_by_what_comes_after():
    before = control_after(ASKED)
    control = before.after([placed(iterations.start(before, 0, by="supervisor", owner="p"), before)])
    assert (before.iterations[0].state, len(before.entries)) == (IterationState.QUEUED, 1)
    assert (control.iterations[0].state, len(control.entries)) == (IterationState.RUNNING, 2)


def test_entries_follow_one_another():
    control = control_after(ASKED)
    with pytest.raises(ChronicleError, match="entry 0 comes where 1 is due"):
        control.after([control.entries[0]])


def test_the_queue_is_bounded():
    control = control_after(ASKED, STARTED, ASKED, ASKED)
    with pytest.raises(ConflictError, match="2 iterations are queued already, from 1 on"):
        iterations.request(control, by="token:a", overrides={}, max_queued=2)
    with pytest.raises(ConflictError, match="iteration 0 is running, and this flywheel queues none"):
        iterations.request(control_after(ASKED, STARTED), by="token:a", overrides={}, max_queued=0)
    assert iterations.request(Control(), by="token:a", overrides={}, max_queued=0) is not None


def test_cancelling_asks_what_runs_and_ends_what_does_not():
    queued = iterations.cancel(control_after(ASKED), 0, by="token:a", reason="no")
    assert (queued.action, queued.after) == (Action.ITERATION_FINISHED, IterationState.CANCELLED)
    asked = control_after(ASKED, STARTED, doing(iterations.cancel, 0, by="token:b"))
    assert (asked.iterations[0].state, asked.iterations[0].cancel_requested_by) == (IterationState.RUNNING, "token:b")
    with pytest.raises(ConflictError, match="being cancelled already, by token:b"):
        iterations.cancel(asked, 0, by="token:a")
    with pytest.raises(UnknownError, match="there is no iteration 4; the newest is 0"):
        iterations.cancel(asked, 4, by="token:a")


def test_only_what_went_wrong_is_retried_and_with_its_settings():
    wrong = control_after(ASKED, STARTED, finished(IterationState.FAILED))
    draft = iterations.retry(wrong, 0, by="token:b", max_queued=3)
    assert draft.subject == "iterations/1"
    assert (draft.details["retry_of"], draft.details["overrides"]) == (0, {"train": {"num_updates": 3}})
    with pytest.raises(ConflictError, match="only one that failed or was cancelled"):
        iterations.retry(control_after(ASKED, STARTED, finished(IterationState.SUCCEEDED)), 0, by="a", max_queued=3)


def test_a_person_lets_it_go_on_or_not():
    waits = (ASKED, STARTED, doing(iterations.wait_for_approval, 0, by="supervisor", reason="promote"))
    approved = control_after(*waits, doing(iterations.approve, 0, by="token:b", reason="looked at it"))
    assert (approved.iterations[0].state, approved.iterations[0].approved_by) == (IterationState.RUNNING, "token:b")
    assert iterations.wait_for_approval(approved, 0, by="supervisor", reason="promote") is None
    declined = control_after(*waits, doing(iterations.decline, 0, by="token:b", reason="no"))
    assert declined.iterations[0].state is IterationState.REJECTED
    with pytest.raises(ConflictError, match="is running: it does not wait"):
        iterations.approve(approved, 0, by="token:b", reason="")


def test_the_live_version_and_what_a_rollback_makes_live():
    control = control_after(promoted("p0", 0), promoted("p1", 1), promoted("p2", 2))
    assert (control.live, control.live_before) == ("p2", "p1")
    control = control_after(promoted("p0", 0), promoted("p1", 1), promoted("p2", 2), rolled_back())
    assert (control.live, control.live_before) == ("p1", "p0")
    # Again: further back, and not to and fro.
    control = control_after(promoted("p0", 0), promoted("p1", 1), promoted("p2", 2), rolled_back(), rolled_back())
    assert (control.live, control.live_before) == ("p0", None)
    with pytest.raises(ConflictError, match="p0 has no live version before it"):
        policies.roll_back(control, by="token:a", reason="again")
    assert [some.previous for some in control.deployments] == [None, "p0", "p1", "p2", "p1"]
    forth = control_after(promoted("p0"), promoted("p1"), rolled_back(), promoted("p2"))
    assert (forth.live, forth.live_before) == ("p2", "p0")
    named = control_after(promoted("p0"), promoted("p1"), promoted("p2"), rolled_back("p0"))
    assert (named.live, named.live_before) == ("p0", None)


def test_what_may_not_be_deployed():
    control = control_after(promoted("p0", 0), promoted("p1", 1))
    with pytest.raises(ConflictError, match="p1 is live already"):
        policies.promote(control, "p1", by="token:a", reason="r")
    with pytest.raises(ConflictError, match="say why"):
        policies.promote(control, "p0", by="token:a", reason=" ")
    with pytest.raises(ConflictError, match="p7 was never live; those that were: p0"):
        policies.roll_back(control, policy_id="p7", by="token:a", reason="r")
    with pytest.raises(ConflictError, match="p1 is live: promote or roll back"):
        policies.retire(control, "p1", by="token:a", reason="r")
    retired = control_after(promoted("p0", 0), promoted("p1", 1), doing(policies.retire, "p0", by="a", reason="old"))
    with pytest.raises(ConflictError, match="p0 was retired at"):
        policies.roll_back(retired, by="token:a", reason="r")


def test_a_gate_deploys_only_what_it_judged_against_the_live_version():
    control = control_after(promoted("p0", 0), promoted("p1", 1))
    judged = {"iteration": 2, "reason": "better"}
    draft = policies.promote_by_gate(control, "p2", judged_against="p1", **judged)
    assert draft is not None
    assert (draft.by, draft.before, draft.after) == ("gate", "p1", "p2")
    assert policies.promote_by_gate(control, "p1", judged_against="p0", **judged) is None
    with pytest.raises(ConflictError, match="p2 was judged against p0, but now p1 is live"):
        policies.promote_by_gate(control, "p2", judged_against="p0", **judged)


def test_a_schedule_notes_what_it_fired_for():
    created = doing(schedules.create, "nightly", by="a", trigger=Trigger(cron="0 2 * * *"), overrides={})
    fired = doing(iterations.request, by="schedule:nightly", overrides={}, max_queued=9, occasion="02:00")
    control = control_after(created, fired)
    assert (control.schedules["nightly"].fired_for, control.schedules["nightly"].fired_at) == (
        "02:00",
        control.entries[1].at,
    )
    # Of a schedule that was deleted meanwhile, the iteration stays.
    control = control_after(created, doing(schedules.delete, "nightly", by="a"), fired)
    assert (len(control.schedules), len(control.iterations)) == (0, 1)


def test_names_of_tokens_are_used_once():
    created = doing(tokens.create, "t", by="a", scopes=[Scope.READ], digest="d", expires_at=None)
    control = control_after(created, doing(tokens.revoke, "t", by="a"))
    assert control.tokens["t"].revoked_at == control.entries[1].at
    with pytest.raises(ConflictError, match="names are used once"):
        tokens.create(control, "t", by="a", scopes=[], digest="d", expires_at=None)
    with pytest.raises(ConflictError, match="revoked already"):
        tokens.revoke(control, "t", by="a")
    with pytest.raises(UnknownError):
        tokens.revoke(control, "u", by="a")


def test_a_webhook_wants_what_comes_after_it():
    control = control_after(
        ASKED,
        doing(webhooks.create, "w", by="a", url="http://x", actions=[Action.ITERATION_FINISHED]),
        STARTED,
        finished(IterationState.FAILED),
    )
    webhook = control.webhooks["w"]
    assert [entry.number for entry in control.entries if webhook.wants(entry)] == [3]
    assert not control_after(*(doing(webhooks.create, "w", by="a", url="http://x", actions=[]),)).webhooks["w"].actions


def test_one_campaign_at_a_time():
    started = doing(campaigns.request, by="a", goal=Goal(max_iterations=2), overrides={})
    control = control_after(started, doing(campaigns.pause, 1, by="a"))
    with pytest.raises(ConflictError, match="campaign 1 is paused: one at a time"):
        campaigns.request(control, by="a", goal=Goal(max_iterations=2), overrides={})
    with pytest.raises(ConflictError, match="is paused, not active"):
        campaigns.pause(control, 1, by="a")
    over = control_after(
        started,
        doing(campaigns.pause, 1, by="a"),
        doing(campaigns.resume, 1, by="a"),
        doing(campaigns.finish, 1, state=CampaignState.CANCELLED, by="a", reason="enough"),
        started,
    )
    assert [some.state for some in over.campaigns.values()] == [CampaignState.CANCELLED, CampaignState.ACTIVE]
