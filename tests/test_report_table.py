from io import StringIO

import pytest
from fakes import MemoryRecords
from rich.console import Console
from runs import CONFIG, finished_run, result, write_iteration

from flywheel.report.results import build_report
from flywheel.report.schema import Result
from flywheel.report.table import plain_table, print_table, rate_text, rows
from flywheel.report.words import duration, percent, short_names


@pytest.fixture
def report():
    return build_report(finished_run(), CONFIG)


def printed(report, *, terminal):
    written = StringIO()
    print_table(report, Console(file=written, force_terminal=terminal, width=120, color_system=None))
    return written.getvalue()


def test_there_is_a_line_for_the_data_each_candidate_and_the_end(report):
    assert [(row.label, row.version, row.decision) for row in rows(report)] == [
        ("data", "demonstrations", ""),
        ("0", "policy-0000", "promoted"),
        ("1", "policy-0001", "rejected"),
        ("2", "policy-0002", "promoted"),
        ("final", "policy-0002", "live"),
    ]


def test_a_cell_is_a_rate_with_its_interval(report):
    # Wilson: 90 of 100 is 0.826 to 0.945
    assert rows(report)[-1].cells[1] == "90% (83-94%)"
    assert rows(report)[-1].num_episodes == "100"


def test_without_scored_episodes_there_is_no_rate():
    assert rate_text(Result.model_validate(result(0, 0, unscored=5))) == "-"


def test_a_plain_table_is_aligned(report):
    lines = plain_table(report).splitlines()
    assert len(lines) == 6
    column = lines[0].index("push-v3")
    assert [line[column : column + 12].split()[0] for line in lines[1:]] == ["10%", "60%", "60%", "90%", "90%"]


def test_a_terminal_gets_lines_and_a_file_does_not(report):
    assert "│" in printed(report, terminal=True)
    plain = printed(report, terminal=False)
    assert "│" not in plain
    assert "\x1b" not in plain
    assert "policy-0001" in plain


def test_plain_values_are_a_report_too(report):
    assert printed(report.model_dump(mode="json"), terminal=False) == printed(report, terminal=False)


def test_an_unfinished_run_says_so():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], until="train")
    text = printed(build_report(records, CONFIG), terminal=False)
    assert "unfinished: iteration 0: evaluate, iteration 0: deploy, final assessment after iteration 0" in text


def test_tasks_of_the_same_name_keep_their_suite():
    assert short_names(["a/push", "b/push", "b/reach"]) == {"a/push": "a/push", "b/push": "b/push", "b/reach": "reach"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (42.4, "42 s"), (59.7, "1 min 0 s"), (492, "8 min 12 s"), (7500, "2 h 5 min")],
)
def test_durations_read_naturally(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(1.0, "100%"), (0.9733, "97.3%"), (0.5, "50%"), (0.0, "0%")])
def test_percentages_have_a_decimal_where_it_says_something(rate, text):
    assert percent(rate) == text
