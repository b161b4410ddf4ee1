import pytest
from fakes import MemoryRecords
from runs import CONFIG, finished_run, write_iteration

from flywheel.core.mixture import Mixture
from flywheel.report.mixture import mixture_report, section
from flywheel.report.results import build_report

EARLY = {
    "mixture": Mixture(sources={"demonstration": 0.5, "collection": 0.5}).plain,
    "shares": {"source": {"demonstration": 1.0}, "age": {"0": 1.0}},
}
LATE = {
    "mixture": Mixture(sources={"demonstration": 0.2, "collection": 0.5}, half_life_iterations=3.0).plain,
    "shares": {"source": {"demonstration": 0.25, "collection": 0.75}, "age": {"1": 1.0}},
}


def test_the_first_iteration_has_nothing_to_differ_from():
    first = mixture_report(EARLY, None)
    assert (first.changes, first.differences) == ([], {})
    assert first.shares["source"] == {"demonstration": 1.0}


def test_changed_settings_and_shares_are_told():
    second = mixture_report(LATE, mixture_report(EARLY, None))
    assert second.changes == ["half_life_iterations: not set -> 3", "sources.demonstration: 0.5 -> 0.2"]
    assert second.differences["source"] == pytest.approx({"collection": 0.75, "demonstration": -0.75})
    assert second.differences["age"] == {"0": -1.0, "1": 1.0}


def test_a_record_without_a_mixture_is_no_error():
    assert mixture_report({"policy_id": "p"}, None) is None


def test_the_page_shows_shares_and_their_differences():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], trained=EARLY)
    write_iteration(records, 1, [41, 33], live=[40, 30], trained=LATE)
    report = build_report(records, CONFIG)
    shown = section(report)
    assert [turn.mixture.changes for turn in report.iterations][1] == report.iterations[1].mixture.changes
    for words in ("25%<span>-75.0</span>", "75%<span>+75.0</span>", "sources.demonstration: 0.5 -&gt; 0.2", "age 1"):
        assert words in shown


def test_a_run_whose_records_say_nothing_has_no_such_section():
    assert section(build_report(finished_run(), CONFIG)) == ""
