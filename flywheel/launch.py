"""What the commands do once their arguments are known: start Ray, hand over to the supervisor, show its news."""

from importlib.metadata import version

import ray
from rich.console import Console

from flywheel import supervisor, wiring
from flywheel.cluster.session import RaySession
from flywheel.config import Config
from flywheel.display import Display
from flywheel.report.table import print_table

NEWS_INTERVAL_S = 0.25


def run(config: Config, *, store: str, iterations: int, until: float | None, console: Console) -> int:
    """Turns the wheel and shows it; returns the exit code."""
    wiring.check(config, store)
    num_tasks = sum(len(suite.tasks) for suite in config.suites)
    console.print(
        f"flywheel {version('flywheel')}  {config.name}, {num_tasks} tasks, {config.train.algorithm}, "
        f"seed {config.seed}, store {store}",
        style="bold",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    with RaySession(num_cpus=wiring.num_places(config.resources), num_gpus=wiring.num_gpus(config.resources)):
        ending = _follow(config, store=store, iterations=iterations, until=until, console=console)
    if ending.exit_code:
        Console(stderr=True).print(f"error: {ending.message}", highlight=False, markup=False, soft_wrap=True)
    else:
        print_table(wiring.report_of(config, store), console)
        _say_where(store, console)
    return ending.exit_code


def report(store: str, console: Console) -> None:
    """Writes the report of a store anew and shows its table. ConfigError: no flywheel was ever run there."""
    print_table(wiring.write_report(wiring.configuration_of(store), store), console)
    _say_where(store, console)


def _follow(config: Config, *, store: str, iterations: int, until: float | None, console: Console) -> supervisor.Ending:
    actor = supervisor.start(config=config, store=store)
    running = actor.run.remote(iterations=iterations, until=until)
    seen, done = 0, False
    with Display(console=console) as display:
        while not done:
            done = bool(ray.wait([running], timeout=NEWS_INTERVAL_S)[0])
            news = ray.get(actor.since.remote(seen))
            seen += len(news.happenings)
            display.show(news)
        ending: supervisor.Ending = ray.get(running)
    return ending


def _say_where(store: str, console: Console) -> None:
    console.print(f"report: {store.rstrip('/')}/report.html", highlight=False, markup=False, soft_wrap=True)
