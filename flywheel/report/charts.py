"""The report's charts: success, time to success, wall time and training figures over the turns of the wheel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from flywheel.report.drawing import INK, PAPER, QUIET, STAGES, draw, stage_colour


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A rate and its interval."""

    rate: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one iteration says about a curve."""

    number: int
    candidate: Measured | None
    promoted: bool
    live: Measured | None
    """The version that is live after the turn, on the turn's initial states."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Success over a run, of one task or of their mean."""

    data: Measured | None
    turns: Sequence[Turn]
    final: Measured | None


def success_chart(name: str, title: str, curve: Curve, *, colour: str) -> str:
    """The live version's rate with its interval as a band; candidates as dots, hollow where rejected; the data and
    the final assessment at the ends."""
    last = max((turn.number for turn in curve.turns), default=0)
    with draw(name, f"Success rate of {escape(title)} over iterations", width=4.6, height=2.5) as drawing:
        axes = drawing.axes
        live = [(turn.number, turn.live) for turn in curve.turns if turn.live is not None]
        xs = [x for x, _ in live]
        axes.fill_between(
            xs,
            [some.lower for _, some in live],
            [some.upper for _, some in live],
            color=colour,
            alpha=0.16,
            linewidth=0,
        )
        axes.plot(xs, [some.rate for _, some in live], color=colour, zorder=3)
        for turn in curve.turns:
            if turn.candidate is not None:
                _candidate(axes, turn.number, turn.candidate, promoted=turn.promoted, colour=colour)
        _end(axes, -1, curve.data, colour=QUIET, marker="s")
        _end(axes, last + 1, curve.final, colour=colour, marker="D")
        _label_end(axes, last + 1, curve.final)
        axes.set_ylim(-0.03, 1.05)
        axes.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        _turn_axis(axes, last)
    return drawing.svg


def time_chart(series: Mapping[str, tuple[str, Sequence[tuple[int, float]]]], *, last: int) -> str:
    """Mean simulated seconds to success; task -> (colour, (position, seconds)); -1 is the data, last + 1 the final."""
    with draw("time-to-success", "Mean time to success per task over iterations", width=4.6, height=2.7) as drawing:
        axes = drawing.axes
        for colour, points in series.values():
            turns = [(x, value) for x, value in points if 0 <= x <= last]
            axes.plot([x for x, _ in turns], [value for _, value in turns], color=colour, marker="o", markersize=4)
            for x, value in points:
                if x < 0 or x > last:
                    axes.plot([x], [value], color=colour, marker="s" if x < 0 else "D", markersize=5, linestyle="none")
        longest = max((value for _, points in series.values() for _, value in points), default=1.0)
        axes.set_ylim(0, 1.1 * longest)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _turn_axis(axes, last)
    return drawing.svg


def wall_chart(turns: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Wall seconds, stacked by stage; (label, stage -> seconds)."""
    with draw("wall-time", "Wall time per stage and iteration", width=4.6, height=2.7) as drawing:
        axes = drawing.axes
        longest = max(sum(stages.values()) for _, stages in turns)
        unit_s, unit = (60.0, "min") if longest >= 180 else (1.0, "s")
        for position, (_, stages) in enumerate(turns):
            bottom = 0.0
            for stage in STAGES:
                if stage in stages:
                    height = stages[stage] / unit_s
                    axes.bar(position, height, 0.62, bottom, color=stage_colour(stage), edgecolor=PAPER, linewidth=0.6)
                    bottom += height
        axes.set_xticks(range(len(turns)), [label for label, _ in turns])
        axes.set_xlim(-0.6, len(turns) - 0.4)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} {unit}"))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return drawing.svg


def metric_chart(name: str, title: str, values: Sequence[tuple[int, float]]) -> str:
    """One of the learner's figures at the end of each training."""
    with draw(name, f"{escape(title)} at the end of each training", width=2.3, height=1.35) as drawing:
        axes = drawing.axes
        axes.plot([x for x, _ in values], [value for _, value in values], color=INK, linewidth=1.3, marker="o", ms=3)
        axes.margins(x=0.08, y=0.2)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.tick_params(labelsize=8)
    return drawing.svg


def _candidate(axes: Axes, x: int, rate: Measured, *, promoted: bool, colour: str) -> None:
    if promoted:
        axes.plot([x], [rate.rate], marker="o", color=colour, markersize=6, zorder=4)
        return
    axes.vlines(x, rate.lower, rate.upper, color=colour, linewidth=0.9, linestyle=(0, (2, 2)), zorder=3)
    axes.plot([x], [rate.rate], marker="o", color=PAPER, mec=colour, mew=1.4, markersize=6, zorder=4)


def _end(axes: Axes, x: int, rate: Measured | None, *, colour: str, marker: str) -> None:
    if rate is not None:
        axes.vlines(x, rate.lower, rate.upper, color=colour, linewidth=1.4, zorder=3)
        axes.plot([x], [rate.rate], marker=marker, color=colour, markersize=6, zorder=4)


def _label_end(axes: Axes, x: int, rate: Measured | None) -> None:
    if rate is not None:
        axes.annotate(
            f"{rate.rate:.0%}",
            (x, rate.rate),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
        )


def _turn_axis(axes: Axes, last: int) -> None:
    """data, 0, 1, ..., final; of many iterations only some are labelled."""
    stride = 1 + last // 12
    ticks = [-1, *range(0, last + 1, stride), last + 1]
    labels = ["data", *(str(number) for number in range(0, last + 1, stride)), "final"]
    axes.set_xticks(ticks, labels)
    axes.set_xlim(-1.4, last + 1.9)
