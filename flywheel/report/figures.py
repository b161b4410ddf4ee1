"""The page's sections that hold charts, with their headings and legends."""

from collections.abc import Mapping
from html import escape

from flywheel.report import charts
from flywheel.report.charts import Curve, Measured, Turn
from flywheel.report.drawing import INK, NUM_TASK_COLOURS, STAGES, task_colour
from flywheel.report.mean import mean_success
from flywheel.report.schema import Mean, Report, Result, StageTime
from flywheel.report.table import task_names
from flywheel.report.words import live_results, short_names

FIRST_METRICS = (
    "entropy",
    "q",
    "q_spread",
    "q_data",
    "observed_return",
    "unobserved_discount",
    "critic_loss",
    "improvement_loss",
    "cloning_loss",
    "effective_sample_size",
)
"""In this order; then the others by name."""

LIMITS = {"entropy": "entropy_limit", "effective_sample_size": "num_samples"}
"""Figures that say the most that another one can be: in that one's heading."""

_SYMBOLS = (
    (
        "live version, 95% interval",
        '<rect x="0" y="2" width="26" height="10" style="fill: var(--ink); fill-opacity: 0.16"/>'
        '<line x1="0" y1="7" x2="26" y2="7" style="stroke: var(--ink); stroke-width: 2"/>',
    ),
    ("promoted candidate", '<circle cx="13" cy="7" r="4.5" style="fill: var(--ink)"/>'),
    (
        "rejected candidate",
        '<line x1="13" y1="0" x2="13" y2="14" style="stroke: var(--ink); stroke-dasharray: 2 2"/>'
        '<circle cx="13" cy="7" r="4" style="fill: var(--paper); stroke: var(--ink); stroke-width: 1.6"/>',
    ),
    ("demonstrations", '<rect x="9" y="3" width="8" height="8" style="fill: var(--quiet)"/>'),
    ("final, fresh initial states", '<path d="M13 1 L19 7 L13 13 L7 7 Z" style="fill: var(--ink)"/>'),
)


def success(report: Report) -> str:
    """Success over the iterations: the mean, then each task."""
    tasks = short_names(task_names(report))
    shown = [_success_chart(report, index, task, name) for index, (task, name) in enumerate(tasks.items())]
    if len(tasks) > 1:
        mean = charts.success_chart("success-mean", "the mean of tasks", _mean_curve(report), colour=INK)
        shown.insert(
            0, f'<div><h3><span class="dot" style="background: var(--ink)"></span>mean of tasks</h3>{mean}</div>'
        )
    symbols = "".join(f'<li><svg viewBox="0 0 26 14">{symbol}</svg>{name}</li>' for name, symbol in _SYMBOLS)
    return f"""<section>
<h2>Success over the iterations</h2>
<p class="lead">Iteration 0 is trained on the demonstrations alone; each later one also on the live version&rsquo;s own
episodes.</p>
<ul class="legend">{symbols}</ul>
<div class="charts">{"".join(shown)}</div>
</section>"""


def speed_and_time(report: Report) -> str:
    """Time to success, and wall time, side by side."""
    last = report.iterations[-1].number
    names = short_names(task_names(report))
    series = {
        name: (task_colour(index), _times(report, task, last)) for index, (task, name) in enumerate(names.items())
    }
    tasks = "".join(_legend_item("dot", f"task-{index % NUM_TASK_COLOURS}", task) for index, task in enumerate(series))
    stages = [(str(turn.number), _wall(turn.stages)) for turn in report.iterations]
    if report.final is not None:
        stages.append(("final", {"final": report.final.wall_s}))
    used = [stage for stage in STAGES if any(stage in some for _, some in stages)]
    legend = "".join(_legend_item("swatch", f"stage-{stage}", stage) for stage in used)
    return f"""<section>
<h2>Time</h2>
<div class="charts">
<div><h3>Simulated seconds to success</h3><ul class="legend under">{tasks}</ul>
{charts.time_chart(series, last=last)}</div>
<div><h3>Wall time by stage</h3><ul class="legend under">{legend}</ul>
{charts.wall_chart(stages)}</div>
</div>
</section>"""


def training(report: Report) -> str:
    """The learner's figures as small multiples; nothing where there are none."""
    values: dict[str, list[tuple[int, float]]] = {}
    for turn in report.iterations:
        for name, value in turn.metrics.items():
            if value is not None:
                values.setdefault(name, []).append((turn.number, value))
    if not values:
        return ""
    names = [name for name in FIRST_METRICS if name in values]
    names += sorted(name for name in values if name not in (*FIRST_METRICS, *LIMITS.values()))
    drawn = [charts.metric_chart(f"metric-{index}", name, values[name]) for index, name in enumerate(names)]
    shown = "".join(
        f"<div><h3>{escape(_heading(name, values))}</h3>{svg}</div>" for name, svg in zip(names, drawn, strict=True)
    )
    return f"""<section>
<h2>Training</h2>
<p class="lead">The learner&rsquo;s mean figures at the end of each training, by iteration.</p>
<div class="charts small">{shown}</div>
</section>"""


def _heading(name: str, values: Mapping[str, list[tuple[int, float]]]) -> str:
    limits = values.get(LIMITS.get(name, ""), [])
    return name.replace("_", " ") + "".join(f", at most {limit:.3g}" for _, limit in limits[-1:])


def _success_chart(report: Report, index: int, task: str, name: str) -> str:
    turns = [
        Turn(
            number=turn.number,
            candidate=_measured((turn.tasks or {}).get(task)),
            promoted=turn.decision == "promote",
            live=_measured((live_results(turn) or {}).get(task)),
        )
        for turn in report.iterations
    ]
    final = _measured(report.final.tasks.get(task)) if report.final else None
    curve = Curve(data=_measured(report.data.tasks.get(task)), turns=turns, final=final)
    svg = charts.success_chart(f"success-{index}", name, curve, colour=task_colour(index))
    dot = f'<span class="dot" style="background: var(--task-{index % NUM_TASK_COLOURS})"></span>'
    return f"<div><h3>{dot}{escape(name)}</h3>{svg}</div>"


def _mean_curve(report: Report) -> Curve:
    turns = [
        Turn(
            number=turn.number,
            candidate=_measured(turn.mean),
            promoted=turn.decision == "promote",
            live=_measured(mean_success(live_results(turn))),
        )
        for turn in report.iterations
    ]
    return Curve(
        data=_measured(report.data.mean),
        turns=turns,
        final=_measured(report.final.mean) if report.final else None,
    )


def _measured(rate: Result | Mean | None) -> Measured | None:
    if rate is None or rate.rate is None:
        return None
    return Measured(rate=rate.rate, lower=rate.lower, upper=rate.upper)


def _times(report: Report, task: str, last: int) -> list[tuple[int, float]]:
    found = [(-1, report.data.tasks.get(task))]
    found += [(turn.number, (live_results(turn) or {}).get(task)) for turn in report.iterations]
    found.append((last + 1, report.final.tasks.get(task) if report.final else None))
    return [
        (x, result.mean_time_to_success_s)
        for x, result in found
        if result is not None and result.mean_time_to_success_s is not None
    ]


def _wall(stages: Mapping[str, StageTime]) -> dict[str, float]:
    return {name: stage.wall_s for name, stage in stages.items()}


def _legend_item(kind: str, variable: str, text: str) -> str:
    return f'<li><span class="{kind}" style="background: var(--{variable})"></span>{escape(text)}</li>'
