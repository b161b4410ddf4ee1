from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from flywheel.cli.printing import bytes_in_words, plain, print_json, print_lines, print_rows, progress_bar
from flywheel.core.episode import Source


@dataclass(frozen=True)
class Point:
    x: int
    names: frozenset[str]


def test_anything_that_a_command_finds_becomes_plain(capsys):
    value = {
        1: Point(x=2, names=frozenset({"b", "a"})),
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "rewards": np.array([0.5, 1.0], np.float32),
        "source": Source.FINAL,
        "rows": ((1, None), (True, "é")),
    }
    assert plain(value) == {
        "1": {"x": 2, "names": ["a", "b"]},
        "at": "2026-01-02T03:04:05+00:00",
        "rewards": [0.5, 1.0],
        "source": "final",
        "rows": [[1, None], [True, "é"]],
    }
    print_json(value)
    assert '"é"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("num_bytes", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (7 * 10**9, "7.0 GB")],
)
def test_sizes_are_told_in_their_unit(num_bytes, words):
    assert bytes_in_words(num_bytes) == words


def test_a_table_shows_every_cell_as_it_is(capsys):
    print_rows("things", ("name", "number"), [("[red]a[/red]", "1,000"), ("b", 2)])
    out = capsys.readouterr().out
    assert "[red]a[/red]" in out
    assert "1,000" in out


def test_a_table_without_rows_is_not_shown(capsys):
    print_rows("things", ("name",), [])
    assert capsys.readouterr().out == ""


def test_a_line_stays_in_one_piece_however_long(capsys):
    print_lines("objects", ["x" * 300, "[b]"])
    assert capsys.readouterr().out == f"objects:\n  {'x' * 300}\n  [b]\n"


def test_progress_is_not_shown_where_nobody_looks(capsys):
    with progress_bar() as show:
        show("episodes", 1, 2)
        show("episodes", 2, 2)
    assert capsys.readouterr().err == ""


def test_a_pipe_gets_whole_lines_without_blanks_at_their_ends(capsys):
    print_rows("found", ("path", "why"), [("a" * 200, "b" * 200), ("c", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"{'a' * 200}  {'b' * 200}"
    assert all(line == line.rstrip() for line in lines)
