"""Numbers and outcomes in words, for the page."""

from collections import Counter
from collections.abc import Iterable

from flywheel.report.mean import mean_success
from flywheel.report.schema import IterationReport, Mean, Report, Result

DECISIONS = {"promote": "promoted", "reject": "rejected"}


def percent(rate: float) -> str:
    """With a decimal where it says something: 97.3%, 98%."""
    return f"{100 * rate:.1f}".removesuffix(".0") + "%"


def interval(rate: Result | Mean) -> str:
    """E.g. 92&ndash;99%."""
    return f"{100 * rate.lower:.0f}&ndash;{100 * rate.upper:.0f}%"


def duration(seconds: float) -> str:
    """E.g. 0.4 s, 42 s, 8 min 12 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def left_out(result: Result) -> str:
    """Episodes that do not count."""
    parts = [
        f"{result.unscored} unscored" if result.unscored else "",
        f"{result.errors} crashed" if result.errors else "",
    ]
    return ", ".join(part for part in parts if part)


def short_names(tasks: Iterable[str]) -> dict[str, str]:
    """Task -> its name without the suite; whole where another suite has a task of that name."""
    names = {task: task.rpartition("/")[2] for task in tasks}
    counts = Counter(names.values())
    return {task: name if counts[name] == 1 else task for task, name in names.items()}


def headline(report: Report) -> tuple[Mean | None, str]:
    """The number to remember, and what it is."""
    if report.final is not None:
        final = report.final
        return final.mean, f"Mean success of {final.policy_version} on fresh initial states, {_over(final.tasks)}."
    for turn in reversed(report.iterations):
        tasks = live_results(turn)
        if tasks is not None and turn.live is not None:
            sentence = f"Mean success of {turn.live} in the evaluation of iteration {turn.number}, {_over(tasks)}."
            return mean_success(tasks), sentence
    return report.data.mean, f"Mean success of the demonstrations, {_over(report.data.tasks)}."


def facts(report: Report) -> list[tuple[str, str]]:
    """A few more numbers, name and value."""
    decided = [turn.decision for turn in report.iterations if turn.decision is not None]
    last = report.final.tasks if report.final else _last_live(report)
    return [
        ("Success in the data", "&ndash;" if report.data.mean is None else percent(report.data.mean.rate)),
        ("Time to success", _from_to(mean_time_s(report.data.tasks), mean_time_s(last))),
        ("Candidates promoted", f"{decided.count('promote')} of {len(decided)}"),
        ("Wall time", duration(report.wall_s)),
    ]


def live_results(turn: IterationReport) -> dict[str, Result] | None:
    """How the version that is live after the turn did in its evaluation."""
    return turn.tasks if turn.decision == "promote" else turn.live_tasks


def mean_time_s(tasks: dict[str, Result] | None) -> float | None:
    """Simulated seconds, each task with the same weight; None where a task has no success."""
    times = [result.mean_time_to_success_s for result in (tasks or {}).values()]
    known = [time_s for time_s in times if time_s is not None]
    return sum(known) / len(known) if known and len(known) == len(times) else None


def _last_live(report: Report) -> dict[str, Result] | None:
    found = [tasks for turn in report.iterations if (tasks := live_results(turn)) is not None]
    return found[-1] if found else None


def _from_to(before: float | None, after: float | None) -> str:
    first, second = ("&ndash;" if value is None else f"{value:.1f} s" for value in (before, after))
    return f"{first} &rarr; {second}"


def _over(tasks: dict[str, Result]) -> str:
    counts = {result.episodes for result in tasks.values()}
    each = f"{counts.pop()}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    if len(tasks) == 1:
        return f"{each} episodes of {next(iter(tasks))}"
    return f"{len(tasks)} tasks with {each} episodes each"
