"""A day in operations, in the console: start, watch, look at a failure, promote, roll back."""

from dataclasses import dataclass
from urllib.parse import quote

from browsing import Visit
from playwright.sync_api import expect

TURN_MS = 300_000
"""For a whole iteration on a slow machine."""
RENDERED_MS = 120_000


@dataclass(frozen=True)
class Walked:
    """What was seen on the way."""

    number: int
    candidate: str


def walk(visit: Visit, secret: str, *, failing_task: str) -> Walked:
    """The gate must not promote. `failing_task`: one whose episodes fail, and that can be rendered."""
    page = visit.page
    visit.open()
    visit.log_in(secret)
    number = _start(visit)
    visit.open(f"#/iterations/{number}")
    expect(page.locator(".stages li.done", has_text="plan")).to_be_visible(timeout=TURN_MS)
    expect(page.locator("h1 .badge")).to_have_text("Not promoted", timeout=TURN_MS)
    expect(page.locator(".stages li.done")).to_have_count(6)
    candidate = page.get_by_role("region", name="The gate").get_by_role("link").first.inner_text()
    _watch_a_failure(visit, failing_task)
    _promote(visit, candidate)
    page.get_by_role("button", name="Roll back").click()
    visit.answer("Roll back", reason="the day is over")
    expect(page.locator("h1 .badge")).not_to_have_text("Live")
    return Walked(number, candidate)


def _start(visit: Visit) -> int:
    visit.page.get_by_role("button", name="Start an iteration").click()
    visit.dialog.get_by_label("Reason").fill("a day in operations")
    visit.dialog.get_by_role("button", name="Show the plan").click()
    expect(visit.dialog).to_contain_text("Everything as configured")
    start = visit.dialog.get_by_role("button", name="Start iteration")
    number = int(start.inner_text().split()[-1])
    start.click()
    expect(visit.dialog).to_have_count(0)
    return number


def _watch_a_failure(visit: Visit, task: str) -> None:
    """As one comes from a point of a dashboard: a link, a click on an episode, and its video plays."""
    page = visit.page
    at = page.evaluate("Date.now()")
    visit.open(f"#/episodes?task={quote(task, safe='')}&policy=candidate&outcome=failure&source=evaluation&at={at}")
    page.locator("tbody a.row").first.click()
    player = page.locator("video")
    expect(player).to_be_visible(timeout=RENDERED_MS)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('video').currentTime > 0")
    assert player.evaluate("one => one.videoWidth") > 0


def _promote(visit: Visit, candidate: str) -> None:
    """Past the gate, so the reason is needed."""
    page = visit.page
    visit.open(f"#/policies/{candidate}")
    page.get_by_role("button", name="Promote").click()
    expect(visit.dialog).to_contain_text("The gate said reject")
    visit.answer(f"Promote {candidate}", reason="gentler")
    expect(page.locator("h1 .badge")).to_have_text("Live")
