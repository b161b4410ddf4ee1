"""The table of success rates per iteration and task, for a console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from flywheel.report.schema import Mean, Report, Result
from flywheel.report.words import DECISIONS, short_names

NOTHING = "-"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: a policy version, or the data, on every task."""

    label: str
    version: str
    decision: str
    cells: Sequence[str]
    """One per task, then the mean."""
    num_episodes: str
    """n per task; a range where the tasks differ."""


def task_names(report: Report) -> list[str]:
    """Every task of the run, in the order of the data."""
    return list(report.data.tasks)


def rows(report: Report) -> list[Row]:
    """The data, each evaluated candidate, and the final assessment."""
    tasks = task_names(report)
    data = report.data
    lines = [_row("data", "demonstrations", "", data.tasks, data.mean, tasks)]
    for turn in report.iterations:
        if turn.tasks is not None:
            decision = DECISIONS[turn.decision] if turn.decision else ""
            lines.append(_row(str(turn.number), turn.policy_version or "", decision, turn.tasks, turn.mean, tasks))
    if report.final is not None:
        final = report.final
        lines.append(_row("final", final.policy_version, "live", final.tasks, final.mean, tasks))
    return lines


def print_table(report: Report | Mapping[str, Any], console: Console) -> None:
    """The report, or its plain values as read from report.json. Without lines and colours where it is no terminal."""
    checked = Report.model_validate(report)
    if console.is_terminal:
        console.print(rich_table(checked))
    else:
        console.print(plain_table(checked), highlight=False, markup=False, soft_wrap=True)
    if checked.missing:
        console.print(f"unfinished: {', '.join(checked.missing)}", highlight=False, markup=False, soft_wrap=True)


def rich_table(report: Report) -> Table:
    """For a terminal."""
    table = Table(title=f"Success rates of {report.name}, with 95% intervals", title_justify="left", pad_edge=False)
    for name in ("iteration", "version", "gate"):
        table.add_column(name)
    for name in (*short_names(task_names(report)).values(), "mean"):
        table.add_column(name, justify="right")
    table.add_column("n per task", justify="right")
    for row in rows(report):
        table.add_row(
            row.label, row.version, row.decision, *row.cells, row.num_episodes, style=_STYLES.get(row.decision)
        )
    return table


def plain_table(report: Report) -> str:
    """Columns by spaces."""
    head = ["iteration", "version", "gate", *short_names(task_names(report)).values(), "mean", "n per task"]
    body = [[row.label, row.version, row.decision or NOTHING, *row.cells, row.num_episodes] for row in rows(report)]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *body]
    )


_STYLES = {"rejected": "dim", "live": "bold"}


def rate_text(rate: Result | Mean | None) -> str:
    """E.g. 97% (92-99%)."""
    if rate is None or rate.rate is None:
        return NOTHING
    return f"{rate.rate:.0%} ({100 * rate.lower:.0f}-{rate.upper:.0%})"


def _row(
    label: str, version: str, decision: str, results: Mapping[str, Result], mean: Mean | None, tasks: Sequence[str]
) -> Row:
    counts = [results[task].episodes if task in results else 0 for task in tasks]
    return Row(
        label=label,
        version=version,
        decision=decision,
        cells=[*(rate_text(results.get(task)) for task in tasks), rate_text(mean)],
        num_episodes=str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)}-{max(counts)}",
    )
