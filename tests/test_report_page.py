import re
from html.parser import HTMLParser

import pytest
from fakes import MemoryRecords
from runs import CONFIG, TASKS, finished_run, result, write_iteration
from stored import cut_short

from flywheel.report import table
from flywheel.report.film import Strip
from flywheel.report.page import page
from flywheel.report.results import build_report

REACH, PUSH = TASKS


class Reader(HTMLParser):
    """Collects tags, ids and text, and refuses tags that are closed in another order than opened."""

    EMPTY = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self._open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href"):
                self.links.append(value)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def finished():
    strip = Strip(task=REACH, success=True, caption="after 1.90 s · seed 3", image=b"RIFF")
    return page(build_report(finished_run(), CONFIG), [strip])


def test_the_page_is_well_formed_and_its_ids_are_unique(finished):
    reader = Reader(finished)
    assert len(set(reader.ids)) == len(reader.ids)
    assert reader.tags.count("h1") == 1


def test_the_page_needs_nothing_from_elsewhere(finished):
    reader = Reader(finished)
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    assert all(link.startswith(("data:", "#")) for link in reader.links)
    assert "@import" not in finished
    assert set(re.findall(r"https?://[^\"' ]+", finished)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_what_a_drawing_refers_to_is_in_the_page(finished):
    reader = Reader(finished)
    referred = {link.removeprefix("#") for link in reader.links if link.startswith("#")}
    referred |= set(re.findall(r"url\(#([^)]+)\)", finished))
    assert referred
    assert referred <= set(reader.ids)


def test_every_colour_of_a_drawing_is_defined_for_light_and_dark(finished):
    used = set(re.findall(r"var\(--([\w-]+)\)", finished))
    light, dark = finished.split("prefers-color-scheme: dark")[:2]
    defined = (set(re.findall(r"--([\w-]+):", text)) for text in (light, dark[: dark.index("* {")]))
    for names in defined:
        assert used <= names


def test_the_headline_is_the_final_mean_with_its_interval_and_n(finished):
    text = Reader(finished).text
    # 97 and 90 of 100: mean 93.5%
    assert "93.5%" in text
    assert "Mean success of policy-0002 on fresh initial states, 2 tasks with 100 episodes each." in text


def test_the_table_holds_rates_counts_and_decisions(finished):
    text = Reader(finished).text
    assert "35 of 50" in text
    assert "rejected" in text
    assert "budget:improvement not shown" in text


def test_strips_are_inlined_and_what_is_missing_is_said(finished):
    assert 'src="data:image/webp;base64,UklGRg=="' in finished
    text = Reader(finished).text
    assert "after 1.90 s · seed 3" in text
    assert text.count("No failure among the evaluated episodes.") == 2
    assert text.count("No success among the evaluated episodes.") == 1


def test_a_machine_that_cannot_render_is_a_plain_sentence():
    text = Reader(page(build_report(finished_run(), CONFIG), film_note="This machine cannot render.")).text
    assert "This machine cannot render." in text


@pytest.mark.parametrize("last", ["ingest", "train", "evaluate"])
def test_an_unfinished_run_makes_a_page_that_says_so(last):
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], until=last)
    text = Reader(page(build_report(records, CONFIG))).text
    assert "This run is not finished." in text
    assert "iteration 0: deploy" in text
    expected = "Mean success of the demonstrations"
    assert expected in text


def test_a_run_between_iterations_is_headed_by_the_live_versions_last_evaluation():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    text = Reader(page(build_report(records, CONFIG))).text
    assert "Mean success of policy-0000 in the evaluation of iteration 0, 2 tasks with 50 episodes each." in text


def test_tasks_without_scored_episodes_are_said_to_have_none():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    tasks = {REACH: result(0, 0, unscored=8, errors=2), PUSH: result(5, 10)}
    records.write("final/0000", {"policy_id": "policy-0000", "tasks": tasks, "wall_s": 1.0})
    assert "8 unscored, 2 crashed" in Reader(page(build_report(records, CONFIG))).text


def test_names_are_text_and_never_markup():
    text = page(build_report(finished_run(), {**CONFIG, "name": "<script>x</script>"}))
    assert "<script>" not in text
    assert "script" not in Reader(text).tags


def test_every_look_of_the_gate_is_shown(finished):
    text = Reader(finished).text
    assert "What the gate saw" in text
    assert "iteration 1, alpha 0.02: rejected: budget:improvement not shown" in text
    # 5 wins and no loss in the first 25 pairs.
    assert "5\u20130 of 25" in text


def test_while_nothing_was_compared_the_gate_has_no_section():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    assert "What the gate saw" not in page(build_report(records, CONFIG))


@pytest.mark.parametrize("after", ["plan", "train", "evaluate"])
def test_an_iteration_that_was_cancelled_has_its_line_and_the_curves_go_on(tmp_path, after):
    world = cut_short(tmp_path / "store", after=after)
    world.run()
    report = build_report(world.records, CONFIG)
    reader = Reader(page(report, []))
    assert "cancelled by ann" in reader.text
    assert len(set(reader.ids)) == len(reader.ids)
    rows = [row.label for row in table.rows(report)]
    assert rows == ["data", "0", *(["1"] if after == "evaluate" else []), "2", "final"]


def test_a_figure_s_heading_says_the_most_that_it_can_be():
    records = MemoryRecords()
    write_iteration(
        records,
        0,
        [9, 9],
        trained={"metrics": {"entropy": 2.1, "entropy_limit": 3.4965, "q_data": 0.5, "effective_sample_size": 5.0}},
    )
    drawn = page(build_report(records, CONFIG), [])
    headings = re.findall("<h3>([^<]*)</h3><svg", drawn.partition("<h2>Training</h2>")[2])
    assert headings == ["entropy, at most 3.5", "q data", "effective sample size"]
