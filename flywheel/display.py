"""Display: the journal's news on a console; bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flywheel.journal import Happening, News

UNITS = {"train": "updates"}
"""What a stage counts; episodes where nothing else is said."""


class Display:
    """Prints a line per finished stage and draws a bar for the running one."""

    def __init__(self, *, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("  {task.description:<9}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}  {task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            redirect_stdout=False,
            disable=not console.is_terminal,
        )
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, news: News) -> None:
        """What is new, then how far the running stage is."""
        for happening in news.happenings:
            self._happened(happening)
        if news.progress is None or self._bar is None or not news.progress.total:
            return
        self._bars.update(self._bar, completed=news.progress.done, total=news.progress.total)
        speed = self._bars.tasks[-1].speed
        self._bars.update(self._bar, rate="" if speed is None else f"{speed:.{0 if speed >= 10 else 1}f}/s")

    def tell(self, message: str) -> None:
        """Something that the journal cannot know."""
        self._say(f"  {message}")

    def _happened(self, happening: Happening) -> None:
        if happening.kind == "event":
            self._say(f"  {happening.message}")
            return
        self._drop_bar()
        stage = str(happening.stage)
        if happening.kind == "started":
            if stage == "plan":
                name = "pretraining" if happening.iteration == 0 else "improvement"
                self._say(f"iteration {happening.iteration}  {name}", style="bold")
            unit = UNITS.get(stage, "episodes")
            self._bar = self._bars.add_task(stage, total=None, unit=unit, rate="")
        else:
            line = DESCRIPTIONS[stage](happening.outcome)
            self._say(f"  {stage:<9} {happening.outcome['wall_s']:>6.1f} s  {line}")

    def _say(self, line: str, *, style: str = "") -> None:
        """One line as it is: what is piped elsewhere must not be broken at a width that nobody chose."""
        self._console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    def _drop_bar(self) -> None:
        if self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None


def rates(tasks: Mapping[str, Mapping[str, Any]]) -> str:
    """Success rate of each task, and how many episodes that is."""
    shown = [
        f"{task.rpartition('/')[2]} {'-' if result['rate'] is None else format(result['rate'], '.0%')}"
        for task, result in tasks.items()
    ]
    counts = sorted({result["episodes"] for result in tasks.values()})
    return f"{', '.join(shown)} (n {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} each)"


def _trained(outcome: Mapping[str, Any]) -> str:
    return f"{outcome['policy_id']} after {outcome['num_updates']} updates, loss {outcome['metrics']['loss']:.2f}"


def _deployed(outcome: Mapping[str, Any]) -> str:
    if outcome["live"] is None:
        return "no version is live"
    return f"{outcome['live']} {'is' if outcome['deployed'] else 'stays'} live"


def _planned(outcome: Mapping[str, Any]) -> str:
    portions = outcome["collect"]
    collected = ", ".join(
        f"{task.rpartition('/')[2]} {portion['fresh'] + len(portion['revisit'])}" for task, portion in portions.items()
    )
    said = [f"{outcome['live'] or 'nobody'} is live"]
    if collected:
        said.append(f"collect {collected}")
    if outcome["gate"] is not None:
        said.append(f"gate alpha {outcome['gate']['alpha']:g}")
    return "; ".join(said)


DESCRIPTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "plan": _planned,
    "ingest": lambda outcome: rates(outcome["tasks"]),
    "collect": lambda outcome: rates(outcome["tasks"]),
    "relabel": lambda outcome: f"labels at version {outcome['labels_version']}",
    "train": _trained,
    "evaluate": lambda outcome: f"{rates(outcome['tasks'])}: {outcome['decision']}, {outcome['reason']}",
    "deploy": _deployed,
    "final": lambda outcome: rates(outcome["tasks"]),
}
