"""Iterations through the client, against the real application on a real socket."""

from threading import Thread

import pytest
from answering import serving

from flywheel.api.application import create_app
from flywheel.client import Entry, Flywheel, IterationState, PlannedIteration, Progress
from flywheel.core.access import Scope
from flywheel.core.commands import iterations
from flywheel.core.errors import ApiUnknownError, UnreachableError, WaitTimeoutError
from flywheel.journal import Progress as Seen

STAGES = ("collect", "relabel", "train", "evaluate", "deploy")
ACTIONS = ["iteration.requested", "iteration.started", *["iteration.stage_completed"] * 5, "iteration.finished"]


def append(desk, decide, *given, **named):
    desk.plane.chronicle.append(lambda control: decide(control, *given, **named))


def start(desk, number=0):
    append(desk, iterations.start, number, by="supervisor", owner="process 1")


def complete(desk, stage, number=0):
    append(desk, iterations.complete_stage, number, stage, by="supervisor", summary={})


def finish(desk, number=0, state=IterationState.SUCCEEDED, reason="better"):
    append(desk, iterations.finish, number, state=state, by="supervisor", reason=reason)


def test_an_iteration_is_asked_for_looked_at_and_stopped(wheel):
    made = wheel.iterations.create(overrides={"train": {"num_updates": 7}}, reason="new gripper")
    assert (made.number, made.state, made.requested_by) == (0, IterationState.QUEUED, "token:admin")
    assert made.overrides["train"]["num_updates"] == 7
    assert wheel.iterations.get(0) == made
    stopped = wheel.iterations.cancel(0, reason="too early")
    assert (stopped.state, stopped.reason) == (IterationState.CANCELLED, "too early")
    again = wheel.iterations.retry(0)
    assert (again.number, again.retry_of) == (1, 0)
    assert [found.number for found in wheel.iterations.all()] == [1, 0]
    assert [found.number for found in wheel.iterations.all(state=IterationState.CANCELLED)] == [0]


def test_a_plan_starts_nothing(wheel):
    plan = wheel.iterations.plan(overrides={"collect": {"episodes_per_task": 9}})
    assert isinstance(plan, PlannedIteration)
    assert (plan.number, plan.settings["collect"]["episodes_per_task"]) == (0, 9)
    assert list(wheel.iterations.all()) == []


def test_the_progress_of_the_running_stage_is_shown(desk, wheel):
    wheel.iterations.create()
    start(desk)
    desk.watch.seen = Seen(iteration=0, stage="train", done=3, total=9, figures={"loss": 1.5})
    assert wheel.iterations.get(0).progress == Progress(stage="train", done=3, total=9, figures={"loss": 1.5})


def test_one_that_waits_is_approved_or_declined(desk, wheel):
    for number in (0, 1):
        wheel.iterations.create()
        start(desk, number)
        append(desk, iterations.wait_for_approval, number, by="gate", reason="asked to")
        if number == 0:
            assert wheel.iterations.approve(0, reason="looks good").approved_by == "token:admin"
            finish(desk)
        else:
            assert wheel.iterations.decline(1, reason="drops cups").state is IterationState.REJECTED


def test_a_long_list_comes_whole(desk, wheel):
    for number in range(230):
        append(desk, iterations.request, by="supervisor", overrides={}, max_queued=1)
        append(desk, iterations.cancel, number, by="supervisor")
    assert [found.number for found in wheel.iterations.all()] == list(reversed(range(230)))


def test_waiting_ends_with_the_iteration(desk, wheel):
    wheel.iterations.create()
    with pytest.raises(WaitTimeoutError, match=r"iteration 0 is queued after 0\.01 s; it goes on"):
        wheel.iterations.wait(0, timeout_s=0.01)
    ended = Thread(target=lambda: (start(desk), finish(desk, state=IterationState.FAILED, reason="out of memory")))
    ended.start()
    found = wheel.iterations.wait(0, timeout_s=60)
    ended.join()
    assert (found.state, found.reason) == (IterationState.FAILED, "out of memory")


def test_what_happens_is_followed_to_the_end(desk, wheel):
    wheel.iterations.create()
    desk.watch.seen = Seen(iteration=0, stage="collect", done=1, total=4)
    heard = []
    for event in wheel.iterations.follow(0):
        heard.append(event)
        if event == heard[0]:
            start(desk)
        if isinstance(event, Progress):
            assert event == Progress(stage="collect", done=1, total=4)
            finish(desk)
    assert [event.action for event in heard if isinstance(event, Entry)] == [ACTIONS[0], ACTIONS[1], ACTIONS[-1]]
    assert [event.after for event in heard if isinstance(event, Entry)] == ["queued", "running", "succeeded"]


def test_a_connection_that_breaks_again_and_again_leaves_no_gap_and_repeats_nothing(desk, cable):
    """The cable is cut after every entry, while the next one is being written."""
    with Flywheel(cable.url, desk.secrets[Scope.OPERATE]) as wheel:
        wheel.iterations.create()
        following = [lambda: start(desk), *[lambda stage=stage: complete(desk, stage) for stage in STAGES]]
        following.append(lambda: finish(desk))
        entries = []
        for event in wheel.iterations.follow(0):
            assert isinstance(event, Entry)
            entries.append(event)
            if following:
                cable.cut()
                following.pop(0)()
    assert [entry.action for entry in entries] == ACTIONS
    assert [entry.number for entry in entries] == sorted({entry.number for entry in entries})
    assert cable.num_connections >= len(STAGES)


def test_a_service_that_ends_and_starts_again_is_followed_on(desk, cable):
    """The cable stays; what is behind it goes away for a while."""
    with serving(create_app(desk.plane)) as url:
        cable.lead_to(url)
        client = Flywheel(cable.url, desk.secrets[Scope.OPERATE])
        client.iterations.create()
        heard = client.iterations.follow(0)
        first = next(heard)
    start(desk)
    finish(desk)
    with serving(create_app(desk.plane)) as url:
        cable.lead_to(url)
        rest = list(heard)
    client.close()
    assert [entry.action for entry in (first, *rest)] == [ACTIONS[0], ACTIONS[1], ACTIONS[-1]]


def test_a_service_that_stays_away_is_given_up(desk):
    with serving(create_app(desk.plane)) as url:
        client = Flywheel(url, desk.secrets[Scope.OPERATE])
        client.iterations.create()
        heard = client.iterations.follow(0, patience_s=0.3)
        next(heard)
    with client, pytest.raises(UnreachableError, match="no service answers"):
        next(heard)


def test_one_that_is_over_or_unknown_is_not_waited_for(wheel):
    wheel.iterations.create()
    wheel.iterations.cancel(0)
    assert [event.action for event in wheel.iterations.follow(0)] == ["iteration.requested", "iteration.finished"]
    with pytest.raises(ApiUnknownError, match="there is no iteration 7"):
        next(wheel.iterations.follow(7))


def test_the_audit_is_chosen_from(wheel):
    wheel.iterations.create(reason="new gripper")
    wheel.iterations.cancel(0)
    assert [entry.action for entry in wheel.audit(subject="iterations/0")] == [ACTIONS[-1], ACTIONS[0]]
    assert [entry.reason for entry in wheel.audit(action="iteration.requested")] == ["new gripper"]
    assert list(wheel.audit(by="token:nobody")) == []
