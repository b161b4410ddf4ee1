"""The console in a real browser, on the API over a finished run."""

from pathlib import Path

import pytest
from answering import serving
from browsing import Visit, visiting
from desk import Desk, open_desk
from playwright.sync_api import Browser, Locator, Page, expect
from small import small_config
from turned import LIVE, POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.api.application import create_app
from flywheel.core.access import Scope

FIRST, SECOND, _ = POLICIES
VIEWS = ("", "#/iterations", "#/iterations/2", "#/policies", f"#/policies/{LIVE}", "#/episodes", "#/compare", "#/audit")
NARROW = {"width": 360, "height": 740}


@pytest.fixture(name="desk")
def desk_over_a_run(turned: Desk) -> Desk:
    return turned


def test_a_token_lets_in_for_this_tab_or_for_good(desk: Desk, visit: Visit) -> None:
    page = visit.page
    visit.open("#/policies")
    visit.log_in("fw_nobody")
    expect(page.get_by_role("alert")).to_contain_text("This token is not valid")
    visit.log_in(desk.secrets[Scope.OPERATE])
    # Where one wanted to go.
    expect(visit.heading()).to_have_text("Policies")
    expect(page.locator(".who")).to_contain_text("operate")
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [1, 0]
    page.get_by_role("button", name="Log out").click()
    visit.log_in(desk.secrets[Scope.OPERATE], remember=True)
    expect(visit.heading()).to_have_text("Policies")
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 1]
    page.reload()
    expect(visit.heading()).to_have_text("Policies")
    page.evaluate("localStorage.setItem('flywheel.token', 'fw_revoked')")
    page.get_by_role("link", name="Audit").click()
    expect(visit.heading()).to_have_text("Log in")


def test_who_may_only_read_is_offered_nothing_else(desk: Desk, visit: Visit) -> None:
    visit.enter(desk.secrets[Scope.READ])
    for view in VIEWS:
        visit.open(view)
        offered = visit.page.locator("main button").all_inner_texts()
        assert set(offered) <= {"Show more"}, view


def test_the_overview_shows_success_in_pictures_and_numbers(desk: Desk, visit: Visit) -> None:
    page = visit.page
    visit.enter(desk.secrets[Scope.READ])
    success = page.get_by_role("region", name="Success")
    assert success.locator("figcaption").all_inner_texts() == ["push", "reach"]
    points = success.locator("a.point")
    # Of each task: three candidates, and whom two of them were compared with.
    expect(points).to_have_count(10)
    (judged,) = [
        one for one in desk.client().get(f"/v1/policies/{LIVE}").json()["success"] if one["task"] == "suite/push"
    ]
    point = success.get_by_role("link", name=f"{LIVE}: candidate, promoted").first
    point.hover()
    expect(page.locator(".tip")).to_contain_text(f"{judged['successes']} of {judged['episodes']} episodes")
    success.get_by_text("The same as a table").click()
    assert len(visit.cells("Episodes")) == 10
    assert f"{judged['successes']} of {judged['episodes']}" in visit.cells("Episodes")
    # Two clicks from a point to an episode.
    point.click()
    expect(visit.heading()).to_have_text("Episodes")
    assert set(visit.cells("Outcome")) <= {"Failure"}


def row(page: Page, policy: str) -> Locator:
    return page.locator("tbody tr", has=page.locator(f"a.row:text-is('{policy}')"))


def test_a_version_is_promoted_and_rolled_back(desk: Desk, visit: Visit) -> None:
    page, control = visit.page, desk.plane.chronicle.control
    visit.enter(desk.secrets[Scope.OPERATE], "#/policies")
    assert visit.cells("Version") == [LIVE, SECOND, FIRST]
    page.get_by_role("button", name=f"Promote {FIRST}").click()
    expect(visit.dialog).to_contain_text("The gate said promote")
    visit.answer(f"Promote {FIRST}", reason="gentler")
    expect(row(page, FIRST)).to_contain_text("Live")
    assert control().deployments[-1].reason == "gentler"
    page.get_by_role("button", name="Roll back").click()
    visit.answer("Roll back", reason="drops cups")
    expect(row(page, LIVE)).to_contain_text("Live")
    assert (control().live, control().deployments[-1].reason) == (LIVE, "drops cups")
    visit.open("#/audit?action=policy.rolled_back")
    assert visit.cells("Why") == ["drops cups"]


def test_what_changed_meanwhile_is_not_undone(desk: Desk, visit: Visit) -> None:
    visit.enter(desk.secrets[Scope.OPERATE], f"#/policies/{FIRST}")
    visit.page.get_by_role("button", name="Promote").click()
    expect(visit.dialog).to_be_visible()
    desk.client().post(f"/v1/policies/{FIRST}:retire", json={"reason": "old"})
    visit.dialog.get_by_label("Reason").fill("mine")
    visit.dialog.get_by_role("button", name="Promote").click()
    expect(visit.dialog.get_by_role("alert")).to_contain_text("it has changed since you saw it")
    assert desk.plane.chronicle.control().live == LIVE
    visit.page.keyboard.press("Escape")
    expect(visit.dialog).to_have_count(0)


def test_episodes_are_found_and_looked_at(desk: Desk, visit: Visit) -> None:
    page = visit.page
    visit.enter(desk.secrets[Scope.READ], "#/episodes")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("tbody tr")).not_to_have_count(50)
    page.get_by_label("Outcome").select_option("failure")
    page.get_by_label("Source").select_option("evaluation")
    expect(page.locator("td[data-label=Outcome]", has_text="Success")).to_have_count(0)
    assert set(visit.cells("Source")) == {"evaluation"}
    page.get_by_label("Iteration").fill("77")
    page.keyboard.press("Enter")
    expect(page.locator(".empty")).to_contain_text("Loosen a filter")
    page.go_back()
    visit.open("#/episodes?iteration=1&source=evaluation")
    page.locator("tbody a.row").first.click()
    expect(page.locator("main")).to_contain_text("Initial state")
    # The run was made up: its simulator does not exist.
    expect(page.locator(".video").get_by_role("alert")).to_contain_text("No video")
    assert page.get_by_role("region", name="Labels").locator("tbody tr").count() > 0


def test_what_never_was_is_said_in_words(desk: Desk, visit: Visit) -> None:
    visit.enter(desk.secrets[Scope.READ], "#/episodes?policy=live&at=0")
    expect(visit.page.get_by_role("alert")).to_contain_text("there was no live version at 1970")
    for nothing in ("#/iterations/99", "#/policies/policy-0099", "#/episodes/nobody"):
        visit.open(nothing)
        expect(visit.heading()).to_have_text("Not found")
    visit.open("#/nowhere")
    expect(visit.heading()).to_have_text("There is no such page")


def test_pairs_are_compared_one_after_the_other(desk: Desk, visit: Visit) -> None:
    page = visit.page
    visit.enter(desk.secrets[Scope.READ], "#/iterations/2")
    gate = page.get_by_role("region", name="The gate")
    gate.get_by_role("link", name="Won").first.click()
    expect(visit.heading()).to_have_text("Candidate and live version")
    expect(page.locator(".step")).to_contain_text("Pair 1 of")
    sides = page.locator(".sides section")
    expect(sides.nth(0)).to_contain_text(LIVE)
    expect(sides.nth(1)).to_contain_text(SECOND)
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".step")).to_contain_text("Pair 2 of")
    sides.nth(1).get_by_role("link", name="the episode").click()
    page.get_by_role("link", name="Compare with").click()
    expect(page.locator(".step")).to_contain_text("Won")


def test_the_keyboard_is_enough_and_a_theme_is_kept(desk: Desk, visit: Visit) -> None:
    page = visit.page
    visit.enter(desk.secrets[Scope.OPERATE])
    page.reload()
    expect(visit.page.get_by_role("navigation")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.closest('main') !== null")
    assert focused
    button = page.get_by_role("button", name="Start an iteration")
    button.focus()
    page.keyboard.press("Enter")
    expect(visit.dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(visit.dialog).to_have_count(0)
    theme = page.get_by_role("button", name="Theme: as the system")
    theme.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_it_fits_narrow_screens(desk: Desk, browser: Browser, address: str) -> None:
    with visiting(browser, address, viewport=NARROW) as visit:
        visit.enter(desk.secrets[Scope.OPERATE])
        for view in (*VIEWS, "#/compare?iteration=2"):
            visit.open(view)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], view


def test_a_new_store_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    fresh = open_desk(tmp_path / "fresh", small_config())
    with serving(create_app(fresh.plane)) as address, visiting(browser, address) as visit:
        visit.enter(fresh.secrets[Scope.OPERATE])
        expect(visit.page.locator(".now")).to_contain_text("Start iteration 0")
        expect(visit.page.locator("main")).to_contain_text("No version is live")
        for view in ("#/iterations", "#/policies", "#/episodes", "#/compare"):
            visit.open(view)
            expect(visit.page.locator(".empty")).to_be_visible()
