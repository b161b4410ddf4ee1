"""Everything but iterations through the client, over a finished run, on a real socket."""

import pytest
from answering import Stumbling, serving
from turned import POLICIES, open_turned

from flywheel.api.application import create_app
from flywheel.client import CampaignState, Flywheel, Goal, IterationState, Scope, Trigger
from flywheel.core.entry import Action
from flywheel.core.errors import (
    ApiConflictError,
    ApiInputError,
    ApiUnknownError,
    UnreachableError,
)

LIVE = POLICIES[-1]


@pytest.fixture
def desk(folder):
    return open_turned(folder)


@pytest.fixture
def stumbling(desk):
    return Stumbling(create_app(desk.plane))


@pytest.fixture
def wheel(desk, stumbling):
    with serving(stumbling) as url, Flywheel(url, desk.secrets[Scope.ADMIN]) as client:
        yield client


def test_a_campaign_from_its_start_to_its_end(wheel):
    goal = Goal(until=0.95, max_iterations=3)
    assert wheel.campaigns.plan(goal).number == 1
    assert list(wheel.campaigns.all()) == []
    made = wheel.campaigns.create(goal, overrides={"collect": {"episodes_per_task": 9}})
    assert (made.number, made.state, made.goal) == (1, CampaignState.ACTIVE, goal)
    with pytest.raises(ApiConflictError, match="campaign 1 is active: one at a time"):
        wheel.campaigns.create(goal)
    assert wheel.campaigns.pause(1).state is CampaignState.PAUSED
    assert wheel.campaigns.resume(1).state is CampaignState.ACTIVE
    ended = wheel.campaigns.cancel(1, reason="enough")
    assert (ended.state, ended.reason, ended.iterations) == (CampaignState.CANCELLED, "enough", ())
    assert [found.number for found in wheel.campaigns.all(state=CampaignState.CANCELLED)] == [1]
    assert wheel.campaigns.get(1).overrides["collect"]["episodes_per_task"] == 9
    with pytest.raises(ApiInputError, match="a campaign needs an end"):
        wheel.campaigns.create(Goal())


def test_a_schedule_is_made_and_deleted(wheel, stumbling):
    made = wheel.schedules.create("nightly", Trigger(cron="0 3 * * *"))
    assert (made.name, made.trigger, made.fired_at) == ("nightly", Trigger(cron="0 3 * * *"), None)
    assert [found.name for found in wheel.schedules.all()] == ["nightly"]
    assert wheel.schedules.get("nightly").created_by == "token:admin"
    stumbling.next = [None]
    wheel.schedules.delete("nightly")
    assert list(wheel.schedules.all()) == []
    with pytest.raises(ApiUnknownError, match="there is no schedule nightly"):
        wheel.schedules.delete("nightly")


def test_policies_say_how_they_were_judged(wheel):
    found = {one.policy_id: one for one in wheel.policies.all()}
    assert tuple(reversed(found)) == POLICIES
    live = wheel.policies.get(LIVE)
    assert (live.status, live.parent, live.iteration) == ("live", POLICIES[1], 2)
    assert live.gate is not None
    assert (live.gate.decision, live.gate.live) == ("promote", POLICIES[1])
    for success in live.success:
        assert 0 <= success.lower <= success.rate <= success.upper <= 1
        assert success.rate == success.successes / success.episodes
    assert [one.policy_id for one in wheel.policies.all(status="live")] == [LIVE]
    with pytest.raises(ApiUnknownError):
        wheel.policies.get("policy-0099")


def test_a_version_is_traced_to_its_data(wheel):
    lineage = wheel.policies.lineage(LIVE)
    assert lineage.parent == POLICIES[1]
    assert lineage.episodes
    assert {one.source for one in lineage.episodes} >= {"demonstration", "collection"}


def test_rolling_back_and_promoting_again(wheel):
    back = wheel.deployments.roll_back(reason="drops cups")
    assert (back.policy_id, back.previous, back.reason) == (POLICIES[1], LIVE, "drops cups")
    assert wheel.deployments.live() == back
    assert wheel.policies.promote(LIVE, reason="it was the cup").status == "live"
    assert wheel.policies.retire(POLICIES[0], reason="old").retirement.reason == "old"
    assert [found.policy_id for found in wheel.deployments.all()] == [LIVE, POLICIES[1], *reversed(POLICIES)]
    assert [found.number for found in wheel.deployments.all(at=back.at)] == [back.number]
    assert wheel.deployments.get(0).policy_id == POLICIES[0]
    assert [found.number for found in wheel.deployments.all(policy_id=POLICIES[0])] == [0]
    with pytest.raises(ApiConflictError, match="was retired"):
        wheel.policies.promote(POLICIES[0], reason="again")
    assert [entry.action for entry in wheel.audit(by="token:admin")] == [
        "policy.retired",
        "policy.promoted",
        "policy.rolled_back",
    ]


def test_a_rollback_whose_answer_is_lost_is_done_once(stumbling, wheel):
    stumbling.next = [None, (503, {"Retry-After": "0"})]
    assert wheel.deployments.roll_back(reason="drops cups").policy_id == POLICIES[1]
    assert wheel.deployments.live().number == len(POLICIES)


def test_episodes_are_found_and_looked_at(wheel):
    collected = list(wheel.episodes.all(source="collection", iteration=1))
    assert collected
    assert {(one.source, one.iteration, one.behaviour_policy) for one in collected} == {("collection", 1, POLICIES[0])}
    first = wheel.episodes.get(collected[0].episode_id)
    assert first.actions[0] == first.num_decisions
    assert {label.task for label in first.labels} >= {first.task}
    assert POLICIES[1] in wheel.episodes.lineage(first.episode_id).trained
    once_live = list(wheel.episodes.all(policy="live", at=wheel.deployments.get(0).at, source="collection"))
    assert {one.behaviour_policy for one in once_live} == {POLICIES[0]}
    everything = [one.episode_id for one in wheel.episodes.all()]
    assert len(everything) == len(set(everything))
    assert set(everything) > {one.episode_id for one in collected}


def test_the_pairs_of_a_gate_are_compared(wheel):
    pairs = list(wheel.iterations.pairs(2))
    assert {(one.candidate.behaviour_policy, one.live.behaviour_policy) for one in pairs} == {(LIVE, POLICIES[1])}
    won = list(wheel.iterations.pairs(2, task="suite/push", result="win"))
    assert won == [one for one in pairs if (one.task, one.result) == ("suite/push", "win")]


def test_success_is_told_by_version_task_and_source(wheel):
    found = list(wheel.success_rates(policy=LIVE, source="evaluation"))
    evaluated = {one.task: one.successes for one in wheel.policies.get(LIVE).success}
    assert {(one.policy_id, one.source) for one in found} == {(LIVE, "evaluation")}
    assert {one.task for one in found} == set(evaluated)


def test_tasks_and_the_configuration(wheel):
    names = [task.name for task in wheel.tasks.all()]
    assert names == sorted(names)
    assert wheel.tasks.get(names[0]).live == LIVE
    assert wheel.config().settings["name"] == "small"


def test_what_changed_in_the_data_of_two_iterations(wheel):
    assert [found.iteration for found in wheel.datasets.all()] == [2, 1, 0]
    assert wheel.datasets.get(2).policy_id == LIVE
    difference = wheel.datasets.difference(2)
    assert (difference.iteration, difference.since) == (2, 1)
    assert "trained_on.episodes" in {change.key for change in difference.changes}
    assert wheel.datasets.difference(2, since=0).since == 0


def test_a_token_is_made_once_and_revoked(desk, stumbling, wheel):
    made = wheel.tokens.create("alice", [Scope.READ, "act"], expires_at="2999-01-01T00:00:00Z")
    assert (made.scopes, made.is_valid, made.expires_at) == ((Scope.ACT, Scope.READ), True, "2999-01-01T00:00:00Z")
    assert made.secret not in repr(made)
    with Flywheel(wheel.url, made.secret) as alice:
        assert alice.whoami().name == "token:alice"
        assert set(alice.whoami().scopes) == {Scope.READ, Scope.ACT}
    stumbling.next = [None]
    assert not wheel.tokens.revoke("alice").is_valid
    with pytest.raises(ApiConflictError, match="token alice is revoked already"):
        wheel.tokens.revoke("alice")
    assert {token.name for token in wheel.tokens.all()} == {"alice", *Scope}


def test_a_token_whose_answer_is_lost_is_not_asked_for_again(stumbling, wheel):
    """A secret is answered once: a second request of the same name could only be refused."""
    stumbling.next = [None]
    stumbling.asked.clear()
    with pytest.raises(UnreachableError):
        wheel.tokens.create("alice", [Scope.READ])
    assert len(stumbling.asked) == 1
    assert wheel.tokens.get("alice").is_valid


def test_a_webhook_is_made_and_deleted(wheel):
    made = wheel.webhooks.create("chat", "https://ops.example.com/hook", [Action.POLICY_PROMOTED])
    assert (made.name, made.actions) == ("chat", ("policy.promoted",))
    assert wheel.webhooks.get("chat") == made
    assert list(wheel.webhooks.deliveries("chat")) == []
    wheel.webhooks.delete("chat")
    assert list(wheel.webhooks.all()) == []
    with pytest.raises(ApiInputError, match="nobody is told of"):
        wheel.webhooks.create("chat", "https://ops.example.com/hook", ["iteration.started"])


def test_the_iterations_of_a_finished_run(wheel):
    assert [found.state for found in wheel.iterations.all()] == [IterationState.SUCCEEDED] * 3
