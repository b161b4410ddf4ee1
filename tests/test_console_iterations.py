"""Iterations in the console, in a real browser: started, watched, stopped."""

from dataclasses import replace
from functools import partial

import pytest
from answering import Cable, TurningWatch, serving
from browsing import Visit, visiting
from desk import Desk
from playwright.sync_api import Browser, expect
from turned import LIVE, POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.api.application import create_app
from flywheel.core.access import Scope
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.journal import Progress


@pytest.fixture(name="desk")
def desk_over_a_run(turned: Desk) -> Desk:
    return turned


def run(desk: Desk, *, stages: tuple[str, ...] = ()) -> int:
    """An iteration that somebody turns, so far."""
    chronicle = desk.plane.chronicle
    asked = chronicle.append(partial(iterations.request, by="token:ann", overrides={}, max_queued=9))
    assert asked is not None
    number = asked.subject_number
    chronicle.append(partial(iterations.start, number=number, by="supervisor", owner="process 1"))
    for stage in stages:
        finish_stage(desk, number, stage)
    return number


def finish_stage(desk: Desk, number: int, stage: str) -> None:
    summary = {"wall_s": 2.5}
    desk.plane.chronicle.append(
        partial(iterations.complete_stage, number=number, stage=stage, by="supervisor", summary=summary)
    )


def end(desk: Desk, number: int, state: IterationState, reason: str) -> None:
    desk.plane.chronicle.append(partial(iterations.finish, number=number, state=state, by="supervisor", reason=reason))


def test_a_running_iteration_is_watched(desk: Desk, visit: Visit) -> None:
    page = visit.page
    number = run(desk, stages=("plan", "collect"))
    visit.enter(desk.secrets[Scope.READ])
    now = page.locator(".now")
    expect(now.get_by_role("heading")).to_contain_text(f"Iteration {number}")
    expect(now.locator("li.current")).to_contain_text("relabel")
    desk.watch.seen = Progress(iteration=number, stage="relabel", done=3, total=12, figures={})
    expect(now).to_contain_text("25% relabel: 3 of 12 episodes")
    finish_stage(desk, number, "relabel")
    desk.watch.seen = Progress(iteration=number, stage="train", done=400, total=1000, figures={"loss": 11.512})
    expect(now).to_contain_text("train: 400 of 1,000 updates · loss 11.5")
    expect(now.locator("li", has_text="relabel")).to_contain_text("2.5 s")
    desk.watch.seen = None
    end(desk, number, IterationState.FAILED, "out of memory")
    expect(now.get_by_role("heading")).to_have_text("Nothing is running")
    expect(now).to_contain_text("Failed")
    visit.open(f"#/iterations/{number}")
    expect(page.locator(".reason")).to_have_text("out of memory")


def test_what_is_watched_goes_on_after_the_connection_broke(desk: Desk, cable: Cable, browser: Browser) -> None:
    number = run(desk, stages=("plan",))
    with visiting(browser, cable.url) as visit:
        visit.enter(desk.secrets[Scope.READ], f"#/iterations/{number}")
        current = visit.page.locator(".stages li.current")
        expect(current).to_contain_text("collect")
        desk.watch.seen = Progress(iteration=number, stage="collect", done=1, total=4, figures={})
        expect(visit.page.locator(".far")).to_contain_text("25%")
        cable.cut()
        finish_stage(desk, number, "collect")
        expect(current).to_contain_text("relabel")
        visit.complaints.clear()  # Chromium's, of the connection.


def test_an_iteration_is_planned_started_and_seen_to_end(desk: Desk, browser: Browser) -> None:
    watch = TurningWatch(chronicle=desk.plane.chronicle, ending=IterationState.REJECTED, reason="futile:no better")
    with serving(create_app(replace(desk.plane, watch=watch))) as address, visiting(browser, address) as visit:
        page = visit.page
        visit.enter(desk.secrets[Scope.OPERATE])
        page.get_by_role("button", name="Start an iteration").click()
        visit.dialog.get_by_label("Updates").fill("77")
        visit.dialog.get_by_text("Other settings").click()
        visit.dialog.get_by_label("Overrides").fill('{"gate": {"margin": 7}}')
        visit.dialog.get_by_role("button", name="Show the plan").click()
        expect(visit.dialog.get_by_role("alert")).to_contain_text("overrides.gate.margin")
        visit.dialog.get_by_label("Overrides").fill('{"gate": {"approval": "required"}}')
        visit.dialog.get_by_role("button", name="Show the plan").click()
        expect(visit.dialog).to_contain_text("train.num_updates")
        expect(visit.dialog).to_contain_text("gate.approval")
        assert desk.plane.chronicle.control().next_iteration == 3
        visit.answer("Start iteration 3", reason="new gripper")
        expect(page.locator(".now")).to_contain_text("Not promoted")
        made = desk.plane.chronicle.control().iterations[3]
        assert made.overrides == {"train": {"num_updates": 77}, "gate": {"approval": "required"}}
        assert made.requested_by == "token:operate"
        visit.open("#/iterations")
        expect(page.locator("tbody tr").first).to_contain_text("futile: no better")


def test_an_iteration_is_cancelled_approved_and_tried_again(desk: Desk, visit: Visit) -> None:
    page, chronicle = visit.page, desk.plane.chronicle
    number = run(desk)
    chronicle.append(partial(iterations.wait_for_approval, number=number, by="gate", reason="better"))
    visit.enter(desk.secrets[Scope.OPERATE])
    page.get_by_role("button", name="Approve").click()
    visit.answer("Approve and deploy", reason="seen")
    expect(page.locator(".now h2")).to_contain_text("Running")
    assert chronicle.control().iterations[number].approved_by == "token:operate"
    page.get_by_role("button", name="Cancel").click()
    visit.answer("Cancel it", reason="enough")
    expect(page.locator(".now")).to_contain_text("asked to cancel it")
    end(desk, number, IterationState.CANCELLED, "cancelled by operate: enough")
    visit.open(f"#/iterations/{number}")
    page.get_by_role("button", name="Try again").click()
    visit.answer("Queue a new one")
    expect(visit.heading()).to_contain_text(f"Iteration {number + 1}")
    assert chronicle.control().iterations[number + 1].retry_of == number
