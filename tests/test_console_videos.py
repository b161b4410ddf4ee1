"""Videos in the console, in a real browser: made, played, and found from a dashboard."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event

import pytest
from answering import serving
from browsing import visiting
from desk import Desk
from filming import PATIENCE_S
from PIL import Image
from playwright.sync_api import Browser, expect
from turned import LIVE, POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.api.application import create_app
from flywheel.core.access import Scope
from flywheel.core.episode import Episode
from flywheel.filming.darkroom import Darkroom
from flywheel.filming.video import write_video

SUCCESS = Path(__file__).parent.parent / "dashboards" / "json" / "flywheel-success.json"


@pytest.fixture(name="desk")
def desk_over_a_run(turned: Desk) -> Desk:
    return turned


@dataclass
class Cinema:
    """Makes the same video of whatever it is asked for, when it is let."""

    video: bytes
    let: Event = field(default_factory=Event)

    def check(self, episode: Episode) -> None:
        """Everything can be filmed."""

    def film(self, episode: Episode, heard: Callable[[int, int], None]) -> bytes:
        heard(1, 2)
        assert self.let.wait(PATIENCE_S)
        return self.video


@pytest.fixture
def cinema(tmp_path: Path) -> Iterator[Cinema]:
    write_video(tmp_path / "v.mp4", [Image.new("RGB", (64, 64), (0, 20 * n, 0)) for n in range(10)], frame_s=0.1)
    made = Cinema(video=(tmp_path / "v.mp4").read_bytes())
    yield made
    made.let.set()


def test_videos_are_made_when_they_are_looked_at_and_played_in_step(
    desk: Desk, cinema: Cinema, browser: Browser
) -> None:
    darkroom = Darkroom(maker=cinema, videos=desk.plane.videos, capacity=1)
    with (
        serving(create_app(replace(desk.plane, darkroom=darkroom))) as address,
        visiting(browser, address) as visit,
    ):
        page = visit.page
        visit.enter(desk.secrets[Scope.READ], "#/compare?iteration=2&result=win")
        expect(page.get_by_text("Rendering: 1 of 2 frames")).to_be_visible()
        # Only one may be made at once: the other waits for its turn.
        expect(page.get_by_text("Waiting to be rendered")).to_be_visible()
        cinema.let.set()
        together = page.get_by_role("group", name="Both videos")
        expect(together).to_contain_text("0.0 of 2.0 s")
        together.get_by_label("Speed").select_option("2")
        together.get_by_role("button", name="Play").click()
        expect(together).to_contain_text("2.0 of 2.0 s")
        expect(together.get_by_role("button", name="Play")).to_be_visible()
        together.get_by_role("button", name="One frame back").click()
        times = page.evaluate("[...document.querySelectorAll('video')].map((one) => one.currentTime)")
        assert len(times) == 2
        assert times[0] == times[1] == pytest.approx(1.95, abs=0.01)
        page.locator("main").press(" ")
        expect(together).to_contain_text("2.0 of 2.0 s")


def data_links() -> list[str]:
    """From a point of the Success dashboard to the failures behind it."""
    board = json.loads(SUCCESS.read_text(encoding="utf-8"))
    links = [
        link["url"]
        for panel in board["panels"]
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", [])
    ]
    return sorted({url for url in links if "outcome=failure" in url})


def test_from_a_point_of_the_dashboard_it_is_two_clicks_to_the_failures_video(
    desk: Desk, cinema: Cinema, browser: Browser
) -> None:
    cinema.let.set()
    darkroom = Darkroom(maker=cinema, videos=desk.plane.videos, capacity=1)
    live, at = desk.plane.chronicle.control().deployments[1:3]
    between = datetime.fromisoformat(at.at).timestamp() * 1000 - 1
    (link,) = data_links()
    with (
        serving(create_app(replace(desk.plane, darkroom=darkroom))) as address,
        visiting(browser, address) as visit,
    ):
        visit.enter(desk.secrets[Scope.READ])
        # As Grafana fills it in.
        for variable, value in {
            "${console}": address,
            "${__field.labels.task}": "suite/push",
            "${__field.labels.status}": "live",
            "${__value.time}": f"{between:.0f}",
        }.items():
            link = link.replace(variable, value)
        assert "$" not in link
        visit.open(link.removeprefix(f"{address}/"))
        assert set(visit.cells("Outcome")) == {"Failure"}
        assert set(visit.cells("Made by")) == {live.policy_id}
        visit.page.locator("tbody a.row").first.click()
        expect(visit.page.locator("video")).to_be_visible()
        expect(visit.page.get_by_role("group", name="The video")).to_contain_text("of 2.0 s")
