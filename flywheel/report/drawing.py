"""Figures as inline SVG whose colours and fonts come from the page's style sheet."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

NUM_TASK_COLOURS = 8
"""After these, colours repeat."""

STAGES = ("plan", "ingest", "collect", "relabel", "train", "evaluate", "deploy", "final")
"""In the order of the wheel."""

# Colours that no chart would use stand for the style sheet's variables, so that one drawing serves light and dark.
INK, QUIET, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {INK: "ink", QUIET: "quiet", RULE: "rule", PAPER: "paper"}
_VARIABLES |= {f"#0501{index:02x}": f"task-{index}" for index in range(NUM_TASK_COLOURS)}
_VARIABLES |= {f"#0502{index:02x}": f"stage-{stage}" for index, stage in enumerate(STAGES)}

_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "figure.facecolor": "none",
}


def task_colour(index: int) -> str:
    """Of the task at the index; the same in every chart."""
    return f"#0501{index % NUM_TASK_COLOURS:02x}"


def stage_colour(stage: str) -> str:
    """Of the stage; the same in every chart."""
    return f"#0502{STAGES.index(stage):02x}"


class Drawing:
    """A figure with one pair of axes; `svg` once `draw` is left."""

    def __init__(self, figure: Figure, axes: Axes) -> None:
        self.axes = axes
        self._figure = figure
        self.svg = ""

    def finish(self, name: str, description: str) -> None:
        """`name` is unique in the page; `description` is read out to those who do not see the figure."""
        written = StringIO()
        self._figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
        self.svg = _for_the_page(written.getvalue(), name, description)


@contextmanager
def draw(name: str, description: str, *, width: float, height: float) -> Iterator[Drawing]:
    """Inches at 72 units each."""
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        drawing = Drawing(figure, figure.add_subplot())
        yield drawing
        drawing.finish(name, description)


def _for_the_page(svg: str, name: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    # Groups are numbered alike in every figure; what is referred to gets the figure's name.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'(id="|xlink:href="#|url\(#)', rf"\1{name}-", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: (?:(\w+) )?([\d.]+)px [^;\"]*", r"font-weight: \1; font-size: \2px", svg)
    svg = re.sub(r"(font-weight: ;|font-family: [^;\"]*;)\s*", "", svg)
    svg = re.sub(r"#0[0-9a-f]{5}", lambda found: f"var(--{_VARIABLES[found[0]]})", svg)
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None, "matplotlib writes a viewBox"
    inner = svg[svg.index(">") + 1 :]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {view[0]} role="img"'
    return re.sub(r"\s*\n\s*", "\n", f'{head} aria-label="{description}">{inner}')
