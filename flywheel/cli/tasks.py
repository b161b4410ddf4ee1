"""Commands on tasks and success rates."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_list
from flywheel.cli.words import rate


@asking
def tasks(ask: Ask, limit: Limit = 0) -> None:
    """List the tasks by name, and how well the live version does them."""
    listed = first(ask.wheel.tasks.all(), limit)
    rows = [(one.name, one.instruction, one.scene, one.live or "-", rate(one.success)) for one in listed]
    ask.show(listed, lambda: print_list("tasks", ("task", "instruction", "scene", "live", "success"), rows))


@asking
def success_rates(
    ask: Ask,
    policy: Annotated[str | None, typer.Option(help="Only of this version.")] = None,
    task: Annotated[str | None, typer.Option(help="Only at this task.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Only over these: evaluation, collection, final, demonstration, upload.")
    ] = None,
    limit: Limit = 50,
) -> None:
    """List success rates over all episodes, by version, task and source, with intervals at 95%."""
    listed = first(ask.wheel.success_rates(policy=policy, task=task, source=source), limit)
    rows = [(one.policy_id, one.task, one.source, rate(one), one.errors, one.unscored) for one in listed]
    columns = ("policy version", "task", "source", "success", "errors", "unscored")
    ask.show(listed, lambda: print_list("success rates", columns, rows))
