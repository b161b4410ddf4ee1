from concurrent.futures import ThreadPoolExecutor

import pytest
from diary import Diary

from flywheel.core.campaign import CampaignState
from flywheel.core.commands import campaigns as commands
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.service.campaigns import Campaigns

BY = "campaign:1"


@pytest.fixture
def diary():
    return Diary()


def looking_after(diary, *, max_queued=16):
    """A process of its own."""
    return Campaigns(chronicle=diary.another(), records=diary.records, now=diary.now, max_queued=max_queued)


def states(diary):
    return [(number, status.state) for number, status in sorted(diary.control.iterations.items())]


def test_without_a_campaign_nothing_is_asked_for(diary):
    assert looking_after(diary).tick() is None
    assert diary.control.entries == []


def test_the_first_iteration_is_asked_for_once(diary):
    diary.campaign(until=0.9, overrides={"collect": {"episodes_per_task": 7}})
    campaigns = looking_after(diary)
    campaigns.tick()
    assert campaigns.tick() is None
    status = diary.control.iterations[0]
    assert (status.requested_by, status.campaign) == (BY, 1)
    assert status.overrides == {"collect": {"episodes_per_task": 7}}
    assert len(diary.control.iterations) == 1


def test_two_processes_at_once_ask_for_one(diary):
    diary.campaign(until=0.9)
    some = [looking_after(diary) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda campaigns: campaigns.tick(), some))
    assert states(diary) == [(0, IterationState.QUEUED)]


@pytest.mark.parametrize("state", [IterationState.RUNNING, IterationState.WAITING])
def test_while_one_is_not_over_no_other_is_asked_for(diary, state):
    diary.campaign(until=0.9)
    campaigns = looking_after(diary)
    campaigns.tick()
    diary.start(0)
    if state is IterationState.WAITING:
        diary.add(iterations.wait_for_approval, 0, reason="a person decides")
    assert campaigns.tick() is None
    assert states(diary) == [(0, state)]


def test_it_goes_on_until_the_live_version_is_good_enough(diary):
    diary.campaign(until=0.9)
    campaigns = looking_after(diary)
    campaigns.tick()
    diary.turn(0, [40, 30])
    campaigns.tick()
    diary.turn(1, [50, 48], live=[40, 30], promote=False)
    campaigns.tick()
    # The candidate was better than the target and was not promoted: the live version counts.
    assert states(diary)[-1] == (2, IterationState.QUEUED)
    diary.turn(2, [46, 46], live=[41, 31])
    campaigns.tick()
    campaign = diary.control.campaigns[1]
    assert campaign.state is CampaignState.SUCCEEDED
    assert campaign.reason == "the live version reached 0.920, 0.9 was the target"
    assert campaigns.tick() is None
    assert len(diary.control.iterations) == 3


def test_iterations_of_others_do_not_count(diary):
    diary.request()
    diary.turn(0, [49, 49])
    diary.campaign(until=0.9, plateau=1)
    looking_after(diary).tick()
    assert states(diary)[-1] == (1, IterationState.QUEUED)


def test_a_plateau_ends_it(diary):
    diary.campaign(plateau=2)
    campaigns = looking_after(diary)
    for number, promote in enumerate((True, False, True, False, False)):
        campaigns.tick()
        diary.turn(number, [40, 40], live=[40, 40] if number else None, promote=promote)
    campaigns.tick()
    assert diary.control.campaigns[1].state is CampaignState.ENDED
    assert diary.control.campaigns[1].reason == "no promotion in 2 iterations"


def test_episodes_are_a_budget(diary):
    # Iteration 0 evaluates 2 * 50 and its demonstrations are not counted; 1 collects 2 * 50 and evaluates 4 * 50.
    diary.campaign(max_episodes=400)
    campaigns = looking_after(diary)
    campaigns.tick()
    diary.turn(0, [40, 30])
    campaigns.tick()
    assert diary.control.campaigns[1].state is CampaignState.ACTIVE
    diary.turn(1, [40, 30], live=[40, 30])
    campaigns.tick()
    assert diary.control.campaigns[1].reason == "400 episodes, 400 is its budget"


def test_hours_are_a_budget(diary):
    diary.campaign(max_hours=2.0)
    diary.time = "2026-01-05T11:00:00Z"
    looking_after(diary).tick()
    assert diary.control.campaigns[1].reason == "2.0 hours, 2 is its budget"
    assert diary.control.iterations == {}


def test_a_failure_fails_it_with_the_root_cause(diary):
    diary.campaign(until=0.9)
    campaigns = looking_after(diary)
    campaigns.tick()
    diary.start(0)
    diary.finish(0, IterationState.FAILED, reason="train: worker 1 was out of memory")
    campaigns.tick()
    campaign = diary.control.campaigns[1]
    assert campaign.state is CampaignState.FAILED
    assert campaign.reason == "iteration 0 failed: train: worker 1 was out of memory"


@pytest.mark.parametrize("started", [True, False])
def test_who_cancels_an_iteration_pauses_it_and_who_resumes_it_goes_on(diary, started):
    diary.campaign(until=0.9)
    campaigns = looking_after(diary)
    campaigns.tick()
    if started:
        diary.start(0)
    diary.add(iterations.cancel, 0, reason="robot 4 is broken")
    if started:
        diary.finish(0, IterationState.CANCELLED, reason="robot 4 is broken")
    campaigns.tick()
    assert campaigns.tick() is None
    assert diary.control.campaigns[1].state is CampaignState.PAUSED
    assert diary.told(by=BY)[-1] == (
        "campaign.paused",
        "campaigns/1",
        "iteration 0 was cancelled by token:ann: robot 4 is broken",
    )
    diary.add(commands.resume, 1)
    campaigns.tick()
    assert states(diary) == [(0, IterationState.CANCELLED), (1, IterationState.QUEUED)]


def test_what_failed_while_it_was_paused_was_seen_by_who_resumes_it(diary):
    diary.campaign(until=0.9)
    campaigns = looking_after(diary)
    campaigns.tick()
    diary.start(0)
    diary.add(commands.pause, 1)
    diary.finish(0, IterationState.FAILED, reason="no more disk")
    assert campaigns.tick() is None
    diary.add(commands.resume, 1)
    campaigns.tick()
    assert states(diary)[-1] == (1, IterationState.QUEUED)


def test_a_full_queue_is_waited_for_and_said_once(diary, caplog):
    diary.request()
    diary.campaign(until=0.9)
    campaigns = looking_after(diary, max_queued=1)
    with caplog.at_level("INFO"):
        assert [campaigns.tick() for _ in range(5)] == [None] * 5
    assert len(caplog.records) == 1
    diary.start(0)
    assert campaigns.tick() is not None
