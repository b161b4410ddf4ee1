"""`flywheel status`, once and as things change."""

import json
import os
import pty
import signal
import subprocess
import sys
from functools import partial
from io import StringIO

import pytest
from answering import serving
from rich.console import Console
from turned import POLICIES, open_turned

from flywheel.api.application import create_app
from flywheel.cli.picture import headline, lines, picture
from flywheel.cli.standing import Standing
from flywheel.client import (
    Campaign,
    CampaignState,
    Deployment,
    Goal,
    Iteration,
    IterationState,
    Progress,
    Task,
    TaskSuccess,
)
from flywheel.core.access import Scope
from flywheel.core.commands import iterations

LIVE = POLICIES[-1]
AT = "2026-01-05T09:30:00.123Z"
ASKED = {"requested_by": "token:alice", "requested_at": AT}
REACH = TaskSuccess(task="suite/reach", successes=47, episodes=50, rate=0.94, lower=0.838, upper=0.979)
STANDING = Standing(
    url="http://127.0.0.1:8000",
    current=Iteration(
        number=3,
        state=IterationState.RUNNING,
        stages=("plan", "collect"),
        progress=Progress(stage="train", done=400, total=1000),
        **ASKED,
    ),
    queued=(4, 5),
    recent=(Iteration(number=2, state=IterationState.REJECTED, reason="no better", **ASKED),),
    live=Deployment(number=1, policy_id="policy-0001", at=AT, by="gate", how="policy.promoted"),
    tasks=(
        Task(name="suite/push", instruction="", scene="", labeler="within", labeler_version=1),
        Task(name="suite/reach", instruction="", scene="", labeler="within", labeler_version=1, success=REACH),
    ),
    campaign=Campaign(number=1, state=CampaignState.ACTIVE, goal=Goal(until=0.95), num_iterations=2, **ASKED),
)
NOTHING = Standing(url="http://127.0.0.1:8000", current=None, queued=(), recent=(), live=None, tasks=(), campaign=None)


def test_everything_is_said_in_lines():
    assert lines(STANDING) == [
        "service http://127.0.0.1:8000",
        "iteration 3 is running: train 400 of 1000",
        "queued: 4, 5",
        "campaign 1 is active, 2 iterations so far",
        "policy-0001 is live since 2026-01-05 09:30:00Z, by gate",
        "  suite/push   not evaluated",
        "  suite/reach  94% (84-98%) of 50",
        "iteration 2 rejected: no better",
    ]
    assert lines(NOTHING) == ["service http://127.0.0.1:8000", "no iteration runs", "no policy version is live"]


def test_what_changed_is_said_in_one_line():
    assert headline(STANDING) == (
        "iteration 3 is running: train 400 of 1000; queued: 4, 5; policy-0001 is live; iteration 2 rejected"
    )
    assert headline(NOTHING) == "no iteration runs; no policy version is live"


@pytest.mark.parametrize(("done", "full"), [(500, 20), (1000, 40)])
def test_a_terminal_gets_a_bar(done, full):
    current = Iteration(
        number=3, state=IterationState.RUNNING, progress=Progress(stage="train", done=done, total=1000), **ASKED
    )
    console = Console(file=StringIO(), width=100)
    console.print(picture(Standing(**{**vars(STANDING), "current": current}), trouble="no service answers"))
    shown = console.file.getvalue().splitlines()
    assert shown[2].strip() == "━" * full
    assert shown[-1].strip() == "no service answers"
    assert [line.strip() for line in shown if "suite/reach" in line] == ["suite/reach  94% (84-98%) of 50"]


@pytest.fixture
def desk(folder):
    return open_turned(folder)


@pytest.fixture
def environment(desk, monkeypatch, tmp_path):
    with serving(create_app(desk.plane)) as url:
        monkeypatch.setenv("FLYWHEEL_URL", url)
        monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.READ])
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield


def watching(*arguments, **pipes):
    command = [sys.executable, "-c", "from flywheel.cli import main; main()", "status", "--watch", "--every-s", "0.2"]
    return subprocess.Popen([*command, *arguments], text=True, **({"stdout": subprocess.PIPE} | pipes))


def queue(desk):
    desk.plane.chronicle.append(partial(iterations.request, by="token:operate", overrides={}, max_queued=16))


def test_where_a_service_stands(environment, flywheel, desk):
    queue(desk)
    code, out, err = flywheel("status")
    assert (code, err) == (0, "")
    assert f"{LIVE} is live since " in out
    assert "queued: 3\n" in out
    assert "iteration 2 succeeded" in out
    standing = json.loads(flywheel("status", "--json")[1])
    assert standing["live"]["policy_id"] == LIVE
    assert [one["number"] for one in standing["recent"]] == [2, 1, 0]
    assert standing["queued"] == [3]


def test_a_log_gets_a_line_for_each_change(environment, desk):
    watch = watching()
    assert watch.stdout.readline() == f"no iteration runs; {LIVE} is live; iteration 2 succeeded\n"
    queue(desk)
    assert watch.stdout.readline() == f"no iteration runs; queued: 3; {LIVE} is live; iteration 2 succeeded\n"
    desk.plane.chronicle.append(partial(iterations.start, number=3, by="supervisor", owner="process 1"))
    assert watch.stdout.readline().startswith("iteration 3 is running: nothing done; ")
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=60)[0] == ""
    assert watch.returncode == 0


def test_a_program_gets_a_line_of_json_for_each_change(environment, desk):
    watch = watching("--json")
    assert json.loads(watch.stdout.readline())["queued"] == []
    queue(desk)
    assert json.loads(watch.stdout.readline())["queued"] == [3]
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=60)
    assert watch.returncode == 0


def test_a_person_at_a_terminal_gets_a_picture_that_changes(environment, desk):
    ours, theirs = pty.openpty()
    watch = watching(stdout=theirs)
    os.close(theirs)
    seen = ""
    while f"{LIVE} is live since" not in seen:
        seen += os.read(ours, 4096).decode()
    queue(desk)
    while "queued: 3" not in seen:
        seen += os.read(ours, 4096).decode()
    watch.send_signal(signal.SIGINT)
    watch.wait(timeout=60)
    os.close(ours)
    assert watch.returncode == 0


def test_a_first_look_that_fails_ends_the_watching(environment, flywheel, monkeypatch):
    monkeypatch.setenv("FLYWHEEL_URL", "http://127.0.0.1:9")
    code, out, err = flywheel("status", "--watch", "--timeout-s", "0.1")
    assert (code, out) == (5, "")
    assert "no service answers" in err
