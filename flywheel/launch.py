"""What the commands do once their arguments are known: start Ray, hand over to the supervisor, show its news."""

import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError
from rich.console import Console

from flywheel import supervisor, wiring
from flywheel.cluster.serve_instance import check_free, end_serve
from flywheel.cluster.session import RaySession
from flywheel.config import Config
from flywheel.core.code_version import CODE_VERSION
from flywheel.display import Display
from flywheel.journal import Ending
from flywheel.report.table import print_table
from flywheel.survey import check_nodes

NEWS_INTERVAL_S = 0.25
MAX_SUPERVISORS = 4
"""One after the other, in one run of the command."""
REPEAT = "Repeat the command: it goes on where this one stopped."


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a supervisor is asked to do."""

    iterations: int
    until: float | None
    accept_version: bool = False


def run(config: Config, *, store: str, errand: Errand, console: Console, address: str | None = None) -> int:
    """Turns the wheel and shows it; returns the exit code. Ends this process with 1 if an embedded Ray's head dies.

    `address`: host:port of the Ray to run on; None: one of its own. `console` writes to a file of its own, not to
    whatever standard output is.
    """
    wiring.check(config, store)
    num_tasks = sum(len(suite.tasks) for suite in config.suites)
    console.print(
        f"flywheel {CODE_VERSION}  {config.name}, {num_tasks} tasks, {config.train.algorithm}, "
        f"seed {config.seed}, store {store}",
        style="bold",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    places, gpus = wiring.num_places(config.resources), wiring.num_gpus(config.resources)
    with (
        # Ray prints pages about every process and node that dies, of which our own news tell in a line.
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        RaySession(num_cpus=places, num_gpus=gpus, address=address) as session,
        session.watched(_leave),
    ):
        if address is None:
            ending = follow(partial(supervisor.start, config=config, store=store), errand, console)
        else:
            ending = _follow_elsewhere(config, _everywhere(store), errand, console)
    if ending.exit_code:
        _complain(ending.message)
    else:
        print_table(wiring.report_of(config, store), console)
        _say_where(store, console)
    return ending.exit_code


def _follow_elsewhere(config: Config, store: str, errand: Errand, console: Console) -> Ending:
    """On a Ray that goes on when this process ends: nothing of ours stays there."""
    check_nodes(store)
    check_free(store)
    try:
        return follow(partial(supervisor.start, config=config, store=store), errand, console)
    finally:
        end_serve()


def _everywhere(store: str) -> str:
    """The store's name for processes in other folders."""
    return store if "://" in store else str(Path(store).absolute())


def report(store: str, console: Console) -> None:
    """Writes the report of a store anew and shows its table. ConfigError: no flywheel was ever run there."""
    print_table(wiring.write_report(wiring.configuration_of(store), store), console)
    _say_where(store, console)


def follow(start: Callable[[], Any], errand: Errand, console: Console) -> Ending:
    """Starts a supervisor and shows its news, and another if it dies: the records say where that one goes on."""
    with Display(console=console) as display:
        for deaths in range(1, MAX_SUPERVISORS + 1):
            try:
                return _followed(start(), errand, display)
            except RayActorError as failure:
                reason = str(failure).partition("\n")[0]
                if deaths < MAX_SUPERVISORS:
                    display.tell(
                        f"the supervisor died: {reason} Number {deaths + 1} of at most {MAX_SUPERVISORS} goes on"
                    )
    return Ending(
        exit_code=1,
        message=f"{MAX_SUPERVISORS} supervisors died, the last one so: {reason} Was there enough memory? {REPEAT}",
    )


def _followed(actor: Any, errand: Errand, display: Display) -> Ending:
    running = actor.run.remote(**asdict(errand))
    seen, done = 0, False
    while not done:
        done = bool(ray.wait([running], timeout=NEWS_INTERVAL_S)[0])
        news = ray.get(actor.since.remote(seen))
        seen += len(news.happenings)
        display.show(news)
    ending: Ending = ray.get(running)
    return ending


def _leave(gone: str) -> None:
    """At once: nothing that waits for Ray would come back, and the reaper ends what is left of it."""
    _complain(f"Ray died: its {gone} is gone. {REPEAT}")
    os._exit(1)


def _complain(message: str) -> None:
    Console(stderr=True).print(f"error: {message}", highlight=False, markup=False, soft_wrap=True)


def _say_where(store: str, console: Console) -> None:
    console.print(f"report: {store.rstrip('/')}/report.html", highlight=False, markup=False, soft_wrap=True)
