import pytest

from flywheel.cli.following import clock, line
from flywheel.client import Campaign, CampaignState, Entry, Goal


def entry(action, **values):
    return Entry(
        number=7, at="2026-01-05T09:30:00.123Z", by="token:alice", action=action, subject="iterations/3", **values
    )


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"stage": "relabel", "wall_s": 4.56}, "  relabel      4.6 s  done"),
        ({"stage": "train", "wall_s": 82.1, "policy_id": "policy-0003"}, "  train       82.1 s  policy-0003"),
        (
            {"stage": "collect", "wall_s": 9.0, "success": {"suite/reach": 0.5, "suite/push": None}},
            "  collect      9.0 s  reach 50%, push -",
        ),
        (
            {
                "stage": "evaluate",
                "wall_s": 13.3,
                "policy_id": "policy-0003",
                "success": {"suite/reach": 0.98},
                "decision": "promote",
                "reason": "better",
            },
            "  evaluate    13.3 s  reach 98%; promote: better",
        ),
        (
            {"stage": "deploy", "wall_s": 0.4, "deployed": True, "live": "policy-0003"},
            "  deploy       0.4 s  policy-0003 is live",
        ),
        ({"stage": "deploy", "deployed": False, "live": "policy-0002"}, "  deploy     policy-0002 stays live"),
        ({}, "  a stage    done"),
    ],
)
def test_a_finished_stage_says_what_came_of_it(details, told):
    assert line(entry("iteration.stage_completed", details=details)) == f"09:30:00  {told}"


@pytest.mark.parametrize(
    ("action", "values", "told"),
    [
        ("iteration.requested", {"reason": "new gripper"}, "iteration 3 is asked for by token:alice: new gripper"),
        ("iteration.started", {}, "iteration 3 runs"),
        (
            "iteration.waiting",
            {"reason": "asked to"},
            "iteration 3 waits for approval: asked to; `flywheel approve 3` or `decline`",
        ),
        ("iteration.approved", {}, "iteration 3 is approved by token:alice"),
        ("iteration.cancel_requested", {}, "iteration 3 is being cancelled by token:alice"),
        ("iteration.finished", {"after": "failed", "reason": "out of memory"}, "iteration 3 failed: out of memory"),
        ("iteration.blessed", {"reason": "new"}, "iteration.blessed iterations/3: new"),
    ],
)
def test_what_happens_is_said_in_words_and_what_is_not_known_by_its_name(action, values, told):
    assert line(entry(action, **values)) == f"09:30:00  {told}"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"state": CampaignState.PAUSED}, "          campaign 2 is paused"),
        (
            {"state": CampaignState.ENDED, "finished_at": "2026-01-05T10:00:01.000Z", "reason": "4 iterations"},
            "10:00:01  campaign 2 is ended: 4 iterations",
        ),
    ],
)
def test_where_a_campaign_stands(values, told):
    asked = {"number": 2, "goal": Goal(max_iterations=4), "requested_by": "token:alice", "requested_at": "then"}
    assert line(Campaign(**asked, **values)) == told


def test_a_time_of_day():
    assert clock("2026-01-05T09:30:00.123Z") == "09:30:00"
