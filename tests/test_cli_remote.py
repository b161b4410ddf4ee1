"""The commands that ask a running service for anything but iterations, over a finished run, on a real socket."""

import json

import pytest
from answering import serving
from turned import POLICIES, open_turned

from flywheel.api.application import create_app
from flywheel.client import Flywheel
from flywheel.core.access import Scope

LIVE = POLICIES[-1]


@pytest.fixture
def desk(folder):
    return open_turned(folder)


@pytest.fixture(autouse=True)
def environment(desk, monkeypatch, tmp_path):
    with serving(create_app(desk.plane)) as url:
        monkeypatch.setenv("FLYWHEEL_URL", url)
        monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.ADMIN])
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield


@pytest.fixture
def asked(desk, flywheel):
    """Of a command that must succeed: what it printed, twice: as words, and as JSON."""

    def ask(*arguments, changes=False):
        printed = []
        for more in ((), ("--json",))[changes:]:
            code, out, err = flywheel(*arguments, *more)
            assert (code, err) == (0, ""), arguments
            assert not any(secret in out for secret in desk.secrets.values())
            printed.append(out)
        return (*printed[:-1], json.loads(printed[-1])) if not changes else json.loads(printed[0])

    return ask


def test_a_campaign_from_its_start_to_its_end(flywheel, asked):
    assert asked("campaign", "list") == ("no campaigns\n", [])
    words, plan = asked("campaign", "start", "--until", "0.95", "--max-hours", "12", "--dry-run")
    assert words == "it would be campaign 1: success of 0.95 or 12 hours\n"
    assert plan["number"] == 1
    code, out, _ = flywheel("campaign", "start", "--plateau", "3", "--set", "collect.episodes_per_task=9")
    assert (code, out) == (0, "campaign 1 is active: 3 iterations without promotion\n")
    assert asked("campaign", "pause", "1", changes=True)["state"] == "paused"
    assert flywheel("campaign", "resume", "1") == (0, "campaign 1 is active\n", "")
    assert flywheel("campaign", "cancel", "1", "--reason", "enough") == (0, "campaign 1 is cancelled\n", "")
    words, shown = asked("campaign", "show", "1")
    assert words.startswith("campaign 1 is cancelled: enough\n  goal: 3 iterations without promotion\n")
    assert shown["overrides"]["collect"]["episodes_per_task"] == 9
    words, listed = asked("campaign", "list", "--state", "cancelled")
    assert "enough" in words
    assert [one["number"] for one in listed] == [1]
    code, _, err = flywheel("campaign", "start")
    assert code == 2
    assert "a campaign needs an end" in err


def test_policies_are_listed_and_shown(flywheel, asked):
    words, listed = asked("policies")
    assert [line.split()[0] for line in words.splitlines()[2:]] == list(reversed(POLICIES))
    assert [one["policy_id"] for one in listed] == list(reversed(POLICIES))
    words, shown = asked("policies", "show", LIVE)
    assert f"{LIVE} is live; iteration 2; sha256 {shown['digest']}\n" in words
    assert "  gate: promote, " in words
    assert f"{POLICIES[1]}, live then" in words
    words, lineage = asked("policies", "lineage", LIVE)
    assert "demonstration" in words
    assert lineage["parent"] == POLICIES[1]
    code, _, err = flywheel("policies", "show", "policy-0099")
    assert (code, err) == (2, "error: there is no policy version policy-0099 (404 Not Found)\n")


def test_an_option_before_a_subcommand_is_not_lost_in_silence(flywheel):
    code, out, err = flywheel("policies", "--json", "--timeout-s", "3", "show", LIVE)
    assert (code, out) == (2, "")
    assert err in (
        "error: --timeout-s, --json: goes after `show`\n",
        "error: --json, --timeout-s: goes after `show`\n",
    )


def test_going_back_and_forth_between_versions(flywheel, asked):
    assert flywheel("rollback", "--reason", "drops cups") == (0, f"{POLICIES[1]} is live again, after {LIVE}\n", "")
    assert flywheel("promote", LIVE, "--reason", "the cup") == (0, f"{LIVE} is live\n", "")
    assert flywheel("rollback", POLICIES[0], "--reason", "oldest")[0] == 0
    assert flywheel("retire", LIVE, "--reason", "no") == (0, f"{LIVE} is retired\n", "")
    words, listed = asked("deployments")
    assert "drops cups" in words
    assert [one["policy_id"] for one in listed][:3] == [POLICIES[0], LIVE, POLICIES[1]]
    assert asked("deployments", "--at", listed[1]["at"])[1][0]["policy_id"] == LIVE
    assert len(asked("deployments", "--policy", LIVE)[1]) == 2
    words, audit = asked("audit", "--by", "token:admin")
    assert [one["action"].partition(".")[2] for one in audit] == ["retired", "rolled_back", "promoted", "rolled_back"]
    assert f"{POLICIES[1]} to {LIVE}" in words
    assert "collect is done" in asked("audit", "--action", "iteration.stage_completed")[0]
    code, _, err = flywheel("rollback")
    assert code == 2
    assert "--reason" in err


def test_episodes_are_found_and_shown(asked):
    words, listed = asked("episodes", "--source", "collection", "--iteration", "1", "--limit", "3")
    assert len(listed) == 3
    assert listed[0]["episode_id"] in words
    words, shown = asked("episodes", "show", listed[0]["episode_id"])
    assert f"  by {POLICIES[0]}, from initial state " in words
    assert shown["labels"]
    words, lineage = asked("episodes", "lineage", listed[0]["episode_id"])
    assert f"trained on it: {', '.join(lineage['trained'])}\n" in words
    assert asked("episodes", "--task", "none")[1] == []


def test_success_and_data(asked):
    words, found = asked("success-rates", "--policy", LIVE, "--source", "evaluation")
    assert {one["policy_id"] for one in found} == {LIVE}
    assert f"of {found[0]['episodes']}" in words
    assert [one["live"] for one in asked("tasks")[1]] == [LIVE, LIVE]
    words, listed = asked("datasets", "list")
    assert [one["iteration"] for one in listed] == [2, 1, 0]
    words, difference = asked("datasets", "diff", "2", "--since", "0")
    assert words.startswith("iteration 2, compared with iteration 0\n")
    assert "trained_on.episodes" in {one["key"] for one in difference["changes"]}


def test_only_making_a_token_prints_it(desk, flywheel, asked, monkeypatch):
    code, secret, err = flywheel("tokens", "create", "alice", "--scope", "read", "--expires-in-days", "30")
    assert (code, err) == (0, "")
    with Flywheel(token=secret.strip()) as alice:
        assert alice.whoami().name == "token:alice"
    words, listed = asked("tokens", "list")
    assert secret.strip() not in words
    assert "secret" not in listed[0]
    made = asked("tokens", "create", "bob", "--scope", "operate", "--scope", "act", changes=True)
    assert made["secret"].startswith("fw_")
    assert flywheel("tokens", "revoke", "alice") == (0, "token alice is revoked\n", "")
    assert {one["name"]: one["is_valid"] for one in asked("tokens", "list")[1]}["alice"] is False
    words, me = asked("whoami")
    assert words.startswith("token:admin: read, operate, act, admin, at http://127.0.0.1:")
    assert me["name"] == "token:admin"
    monkeypatch.setenv("FLYWHEEL_TOKEN", secret.strip())
    code, _, err = flywheel("whoami")
    assert code == 2
    assert "a valid token is needed" in err
    assert secret.strip() not in err


def test_a_schedule_is_made_and_deleted(flywheel, asked):
    code, out, _ = flywheel("schedules", "create", "nightly", "--cron", "0 3 * * *")
    assert (code, out) == (0, "schedule nightly asks for an iteration at 0 3 * * *\n")
    flywheel("schedules", "create", "fresh", "--new-episodes", "500")
    flywheel("schedules", "create", "low", "--success-below", "0.9")
    words, listed = asked("schedules", "list")
    assert [one["name"] for one in listed] == ["fresh", "low", "nightly"]
    assert "after 500 new episodes" in words
    assert "below a success of 0.9" in words
    assert "fired last: never" in asked("schedules", "show", "nightly")[0]
    assert flywheel("schedules", "delete", "nightly") == (0, "schedule nightly is deleted\n", "")
    code, _, err = flywheel("schedules", "create", "odd", "--cron", "0 3 * * *", "--new-episodes", "1")
    assert code == 2
    assert "a schedule has one trigger, not cron and new_episodes" in err


def test_a_webhook_is_made_and_deleted(flywheel, asked):
    code, out, _ = flywheel("webhooks", "create", "chat", "https://ops.example.com", "--action", "policy.promoted")
    assert (code, out) == (0, "webhook chat is told of policy.promoted\n")
    assert asked("webhooks", "create", "all", "https://ops.example.com", changes=True)["actions"]
    assert [one["name"] for one in asked("webhooks", "list")[1]] == ["all", "chat"]
    assert asked("webhooks", "deliveries", "chat") == ("no deliveries\n", [])
    assert flywheel("webhooks", "delete", "chat") == (0, "webhook chat is deleted\n", "")
