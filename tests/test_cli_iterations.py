"""The commands on iterations, against the real application on a real socket."""

import json
import signal
import subprocess
import sys

import pytest
from answering import campaigning, turning

from flywheel.core.access import Scope
from flywheel.core.control import IterationState


@pytest.fixture(autouse=True)
def environment(desk, address, monkeypatch, tmp_path):
    monkeypatch.setenv("FLYWHEEL_URL", address)
    monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.OPERATE])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def process(*arguments):
    """A command in a process of its own, which Ctrl-C may end."""
    command = [sys.executable, "-c", "from flywheel.cli import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_an_iteration_is_asked_for_with_settings_of_its_own(desk, flywheel, tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("collect: {episodes_per_task: 5, sharpness: 2.0}")
    code, out, err = flywheel(
        "iterate", "--overrides", path, "--set", "collect.episodes_per_task=9", "--set", "train.learning_rate=1e-4",
        "--set", "train.initial_weights=live", "--reason", "new gripper",
    )  # fmt: skip
    assert (code, out, err) == (0, "iteration 0 is queued; `flywheel status --watch` shows how it goes\n", "")
    found = desk.plane.chronicle.control().iterations[0]
    assert found.overrides == {
        "collect": {"episodes_per_task": 9, "sharpness": 2.0},
        "train": {"learning_rate": 1e-4, "initial_weights": "live"},
    }
    assert desk.plane.chronicle.control().entries[-1].reason == "new gripper"


def test_the_same_key_asks_once(desk, flywheel):
    for _ in range(2):
        assert flywheel("iterate", "--key", "nightly-2026-01-05")[0] == 0
    assert len(desk.plane.chronicle.control().iterations) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("collect", "--set collect: not KEY=VALUE"),
        ("=3", "not KEY=VALUE"),
        ("collect..x=3", "not KEY=VALUE"),
        ("trian.num_updates=3", "overrides.trian: Extra inputs are not permitted (422"),
        ("collect.episodes_per_task=none", "overrides.collect.episodes_per_task"),
    ],
)
def test_a_setting_that_is_none_is_named(desk, flywheel, given, told):
    code, out, err = flywheel("iterate", "--set", given)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert told in err
    assert not desk.plane.chronicle.control().iterations


def test_settings_that_contradict_one_another_are_named(flywheel, tmp_path):
    code, _, err = flywheel("iterate", "--set", "collect=3", "--set", "collect.episodes_per_task=3")
    assert (code, err) == (2, "error: --set collect.episodes_per_task=3: collect has a value already, 3\n")
    path = tmp_path / "list.yaml"
    path.write_text("- collect")
    assert "a mapping of settings is needed, not list" in flywheel("iterate", "--overrides", path)[2]


def test_a_dry_run_prints_the_config_and_starts_nothing(desk, flywheel):
    code, out, _ = flywheel("iterate", "--dry-run", "--set", "collect.episodes_per_task=9")
    assert code == 0
    assert out.startswith("# iteration 0 would have this config\nname: small\n")
    assert "  episodes_per_task: 9\n" in out
    code, out, _ = flywheel("iterate", "--dry-run", "--json")
    assert json.loads(out)["settings"]["name"] == "small"
    assert not desk.plane.chronicle.control().iterations


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (IterationState.SUCCEEDED, 0),
        (IterationState.FAILED, 1),
        (IterationState.REJECTED, 3),
        (IterationState.CANCELLED, 4),
    ],
)
def test_waiting_ends_as_the_iteration_does(desk, flywheel, ending, expected):
    with turning(desk, ending, "for a reason") as url:
        code, out, err = flywheel("iterate", "--wait", "--url", url)
    assert (code, err) == (expected, "")
    assert [line.partition("  ")[2] for line in out.splitlines()] == [
        "iteration 0 is asked for by token:operate",
        "iteration 0 runs",
        "  collect    done",
        f"iteration 0 {ending}: for a reason",
    ]
    assert flywheel("follow", "0")[:2] == (expected, out)


def test_waiting_as_json_is_a_line_for_each_event_and_the_iteration_last(desk, flywheel):
    with turning(desk, IterationState.REJECTED, "no better") as url:
        code, out, _ = flywheel("iterate", "--wait", "--json", "--url", url)
    assert code == 3
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["entry"] * 4 + ["iteration"]
    assert lines[-2]["data"]["action"] == "iteration.finished"
    assert (lines[-1]["data"]["state"], lines[-1]["data"]["reason"]) == ("rejected", "no better")


def test_a_campaign_that_is_waited_for_is_followed_through_its_iterations(flywheel, desk):
    with campaigning(desk, IterationState.REJECTED, "no better") as url:
        code, out, err = flywheel("campaign", "start", "--max-iterations", "2", "--wait", "--url", url)
    assert (code, err) == (0, "")
    assert [line.partition("  ")[2].strip() for line in out.splitlines()] == [
        *(
            line
            for number in (0, 1)
            for line in (
                f"iteration {number} is asked for by campaign:1",
                f"iteration {number} runs",
                "collect    done",
                f"iteration {number} rejected: no better",
            )
        ),
        "campaign 1 is ended: 2 iterations, as many as it may take",
    ]


def test_a_campaign_that_fails_ends_the_command_so(flywheel, desk):
    with campaigning(desk, IterationState.FAILED, "no more disk") as url:
        code, out, _ = flywheel("campaign", "start", "--until", "0.9", "--wait", "--json", "--url", url)
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["event"] for line in lines]) == (1, ["entry"] * 4 + ["campaign"])
    assert lines[-1]["data"]["state"] == "failed"
    assert "no more disk" in lines[-1]["data"]["reason"]


def test_who_stops_waiting_is_told_that_the_iteration_goes_on(desk):
    waiting = process("iterate", "--wait")
    assert "iteration 0 is asked for by token:operate" in waiting.stdout.readline()
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert err == "iteration 0 goes on; `flywheel cancel 0` stops it\n"
    assert desk.plane.chronicle.control().iterations[0].state is IterationState.QUEUED


def test_iterations_are_listed_shown_stopped_and_tried_again(flywheel):
    for _ in range(3):
        flywheel("iterate")
    assert flywheel("cancel", "1", "--reason", "a mistake")[:2] == (0, "iteration 1 is cancelled\n")
    assert flywheel("retry", "1")[:2] == (0, "iteration 3 is queued, as iteration 1 was\n")
    _, out, _ = flywheel("iterations", "--json", "--limit", "2")
    assert [one["number"] for one in json.loads(out)] == [3, 2]
    _, out, _ = flywheel("iterations", "--state", "cancelled", "--limit", "0")
    assert "a mistake" in out
    _, out, _ = flywheel("iterations", "3")
    assert "iteration 3 is queued\n" in out
    assert "  retry of 1\n" in out
    assert json.loads(flywheel("iterations", "3", "--json")[1])["retry_of"] == 1


def test_what_is_not_possible_as_things_stand_is_said(flywheel):
    assert flywheel("cancel", "7") == (2, "", "error: there is no iteration 7; the newest is -1 (404 Not Found)\n")
    flywheel("iterate")
    code, _, err = flywheel("retry", "0")
    assert (code, err.partition(": ")[2]) == (
        2,
        "iteration 0 is queued: only one that failed or was cancelled is retried (409 Conflict)\n",
    )
    for command in ("approve", "decline"):
        code, _, err = flywheel(command, "0")
        assert code == 2
        assert "it does not wait for approval" in err


def test_the_audit_is_printed(flywheel):
    flywheel("iterate", "--reason", "new gripper")
    code, out, _ = flywheel("audit", "--json", "--subject", "iterations/0")
    assert code == 0
    assert [(one["by"], one["reason"]) for one in json.loads(out)] == [("token:operate", "new gripper")]
    _, out, _ = flywheel("audit", "--action", "iteration.requested")
    assert "new gripper" in out


def test_who_may_not_is_told_so(desk, flywheel, monkeypatch):
    monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.READ])
    code, _, err = flywheel("iterate")
    assert (code, err) == (2, "error: token:read lacks the scope operate (403 Forbidden)\n")


def test_where_nothing_answers_the_exit_code_says_try_again_later(flywheel, monkeypatch):
    monkeypatch.setenv("FLYWHEEL_URL", "http://127.0.0.1:9")
    code, out, err = flywheel("iterations", "--timeout-s", "0.1")
    assert (code, out) == (5, "")
    assert err.startswith("error: no service answers at http://127.0.0.1:9: ")


def test_without_an_address_nothing_is_asked(flywheel, monkeypatch):
    monkeypatch.delenv("FLYWHEEL_URL")
    code, _, err = flywheel("iterations")
    assert code == 5
    assert "`flywheel up` starts one" in err
