"""What the promotion gate saw in each iteration."""

from collections.abc import Mapping
from html import escape
from typing import Any

from flywheel.core.gate import IMPROVEMENT
from flywheel.report import words
from flywheel.report.schema import GateReport, IterationReport, LookReport, Report, TestReport
from flywheel.report.table import task_names


def gate_report(planned: Mapping[str, Any], evaluated: Mapping[str, Any]) -> GateReport | None:
    """Of the records of an iteration's plan and evaluation; None where nothing was compared."""
    gate = planned.get("gate")
    if gate is None:
        return None
    settings = ("alpha", "boundary", "max_pairs", "batch", "margins", "targets", "improvement", "anchor")
    looks = (evaluated.get("evidence") or {}).get("looks", [])
    return GateReport(
        **{name: gate[name] for name in settings},
        attempt=planned["budget"]["attempts"] + 1,
        planned_pairs=planned["planned_pairs"],
        looks=[LookReport.model_validate(look) for look in looks],
    )


def section(report: Report) -> str:
    """The page's section: what each look found; nothing where no look was taken."""
    turns = [turn for turn in report.iterations if turn.gate is not None and turn.gate.looks]
    if not turns:
        return ""
    names = {**words.short_names(task_names(report)), IMPROVEMENT: IMPROVEMENT}
    return f"""<section>
<h2>What the gate saw</h2>
<p class="lead">Candidate against live version on the same initial states. On every task it must be shown that no more
than the margin is lost, and over the tasks that were not near-perfect that more is won than lost: the statistic z must
reach the bound at one of the looks. Below z: pairs won and lost of all.</p>
{"".join(_turn(turn, names) for turn in turns)}
</section>"""


def _turn(turn: IterationReport, names: Mapping[str, str]) -> str:
    gate = turn.gate
    assert gate is not None, "turns without a gate are left out"
    tests = [name for name in names if any(test.name == name for look in gate.looks for test in look.tests)]
    head = "".join(f"<th>{escape(names[name])}{_margin(gate, name)}</th>" for name in tests)
    rows = "".join(_look(look, tests) for look in gate.looks)
    verdict = f"{words.DECISIONS.get(turn.decision or '', 'undecided')}: {turn.reason or ''}"
    return f"""<details><summary>iteration {turn.number}, alpha {gate.alpha:g}: {escape(verdict)}</summary>
<div class="scroll"><table><thead><tr><th>pairs</th><th>against</th><th>bound</th>{head}</tr></thead>
<tbody>{rows}</tbody></table></div></details>"""


def _margin(gate: GateReport, name: str) -> str:
    return "" if name not in gate.margins else f", margin {words.percent(gate.margins[name])}"


def _look(look: LookReport, names: list[str]) -> str:
    tests = {test.name: test for test in look.tests}
    cells = "".join(_test(tests.get(name)) for name in names)
    return f"<tr><td>{look.pairs}</td><td>{look.against}</td><td>{look.bound:.2f}</td>{cells}</tr>"


def _test(test: TestReport | None) -> str:
    if test is None:
        return '<td class="rate"></td>'
    z = f'<b class="promote">{test.statistic:.2f}</b>' if test.passed else f"<b>{test.statistic:.2f}</b>"
    return f'<td class="rate">{z}<span>{test.wins}&ndash;{test.losses} of {test.pairs}</span></td>'
