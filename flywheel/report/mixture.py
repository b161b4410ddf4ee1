"""What each iteration trained on: its mixture, what batches held, and the difference from the iteration before."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from flywheel.report import words
from flywheel.report.schema import MixtureReport, Report

KINDS = ("source", "outcome", "age", "task")
"""Of shares, as the page shows them."""


def mixture_report(trained: Mapping[str, Any], before: MixtureReport | None) -> MixtureReport | None:
    """Of a train record; None where it says nothing of a mixture. `before` is the iteration's before."""
    if "mixture" not in trained:
        return None
    settings, shares = trained["mixture"], trained["shares"]
    now = MixtureReport(**settings, shares=shares, changes=[], differences={})
    if before is None:
        return now
    differences = {kind: _differences(before.shares.get(kind, {}), shares.get(kind, {})) for kind in shares}
    return now.model_copy(update={"changes": list(_changes(before, now)), "differences": differences})


def _differences(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    return {name: now.get(name, 0.0) - before.get(name, 0.0) for name in sorted({*before, *now})}


def _changes(before: MixtureReport, now: MixtureReport) -> Iterator[str]:
    old, new = _flat(before), _flat(now)
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}"


def _flat(mixture: MixtureReport) -> dict[str, float | None]:
    settings: dict[str, float | None] = {"half_life_iterations": mixture.half_life_iterations}
    for kind in ("sources", "tasks", "outcomes"):
        settings |= {f"{kind}.{name}": weight for name, weight in getattr(mixture, kind).items()}
    return settings


def _shown(value: float | None) -> str:
    return "not set" if value is None else f"{value:g}"


def section(report: Report) -> str:
    """The page's table: shares of a batch by iteration, with the difference; nothing where no record says."""
    turns = [(turn.number, turn.mixture) for turn in report.iterations if turn.mixture is not None]
    if not turns:
        return ""
    columns = [
        (kind, name)
        for kind in KINDS
        for name in _names(kind, [mixture for _, mixture in turns])
        if not (kind == "task" and len(turns[0][1].shares.get("task", {})) == 1)
    ]
    tasks = words.short_names([name for kind, name in columns if kind == "task"])
    titles = {"age": "age {}", "task": "{}"}
    head = "".join(
        f"<th>{escape(titles.get(kind, '{}').format(tasks.get(name, name) if kind == 'task' else name))}</th>"
        for kind, name in columns
    )
    rows = "".join(_row(number, mixture, columns) for number, mixture in turns)
    return f"""<section>
<h2>What training drew from</h2>
<p class="lead">Share of a batch by source, outcome, age in iterations and task; below it the difference from the
iteration before. Changed settings are named.</p>
<div class="scroll"><table><thead><tr><th></th>{head}<th>changed settings</th></tr></thead><tbody>{rows}</tbody></table>
</div>
</section>"""


def _names(kind: str, mixtures: list[MixtureReport]) -> list[str]:
    found = {name for mixture in mixtures for name in mixture.shares.get(kind, {})}
    return sorted(found, key=int) if kind == "age" else sorted(found)


def _row(number: int, mixture: MixtureReport, columns: list[tuple[str, str]]) -> str:
    cells = "".join(
        _cell(mixture.shares.get(kind, {}).get(name), mixture.differences.get(kind, {}).get(name))
        for kind, name in columns
    )
    changes = "<br>".join(escape(change) for change in mixture.changes)
    return f'<tr><td>{number}</td>{cells}<td class="quiet">{changes}</td></tr>'


def _cell(share: float | None, difference: float | None) -> str:
    shown = "&ndash;" if share is None else words.percent(share)
    if difference is None or abs(difference) < 0.0005:
        return f'<td class="rate">{shown}</td>'
    return f'<td class="rate">{shown}<span>{100 * difference:+.1f}</span></td>'
