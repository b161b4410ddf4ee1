"""`flywheel gate`: why a candidate was promoted or not, and new error budgets."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import typer

from flywheel.cli.data import Json, Store
from flywheel.cli.printing import print_json, print_rows, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def gate() -> None:
    """The promotion gate's decisions."""


@app.command()
def explain(
    number: Annotated[int, typer.Argument(min=0, help="An iteration.", metavar="ITERATION")],
    store: Store,
    as_json: Json = False,
) -> None:
    """Recompute a decision from its stored pairs, look by look. Exit code 1: the stored decision is another one."""
    found = import_module("flywheel.lineage.gate").explain(_opened(store), number)
    if as_json:
        print_json(_as_plain(found))
    else:
        _print(found)
    raise typer.Exit(1 if found.differences else 0)


@app.command()
def renew(
    store: Store,
    anchor: Annotated[
        str | None,
        typer.Option(help="A version that no promoted candidate may be worse than: 7 or policy-0007."),
    ] = None,
    reason: Annotated[str, typer.Option(help="For whoever reads it later.")] = "",
) -> None:
    """Open a new error budget for the iterations to come, and name an anchor for them."""
    named = None if anchor is None else import_module("flywheel.lineage.policy").policy_id(anchor)
    opened = import_module("flywheel.lineage.gate").renew(_opened(store), anchor=named, reason=reason)
    say(f"error budget {opened} is open, from the next iteration's plan on; anchor: {named or 'as configured'}")


def _print(found: Any) -> None:
    decision, reason = found.stored
    say(f"iteration {found.iteration}: {found.policy_id} against {found.live or 'nobody'}: {decision}, {reason}")
    if found.gate is None:
        say("no version was live, so nothing was compared")
        return
    about = found.gate
    say(
        f"alpha {about.alpha:g}, boundary {about.boundary}, at most {about.max_pairs} pairs in batches of "
        f"{about.batch}; improvement in {about.improvement} of {', '.join(about.targets) or 'nothing'}"
        + (f"; anchor {about.anchor}" if about.anchor else "")
    )
    print_rows("margins", ("task", "margin", "as labels show it"), _margins(about))
    columns = ("against", "pairs", "bound", "test", "won", "lost", "of", "z", "at best", "")
    print_rows("looks", columns, _looks(found.verdict))
    say(f"recomputed: {found.verdict.decision}, {found.verdict.reason}")
    for difference in found.differences:
        say(f"differs: {difference}")


def _margins(about: Any) -> Iterator[tuple[Any, ...]]:
    for task, margin in about.margins.items():
        yield task, f"{margin:g}", f"{about.margin(task):g}"


def _looks(verdict: Any) -> Iterator[tuple[Any, ...]]:
    for look in verdict.looks:
        for test in look.tests:
            z, at_best = (f"{value:.4f}" for value in (test.statistic, test.at_best))
            passed = "passed" if test.passed else ""
            yield (
                *(look.against, look.pairs, f"{look.bound:.4f}", test.name, test.wins, test.losses, test.pairs),
                *(z, at_best, passed),
            )


def _as_plain(found: Any) -> dict[str, Any]:
    decision, reason = found.stored
    return {
        "iteration": found.iteration,
        "policy_version": found.policy_id,
        "live": found.live,
        "gate": None if found.gate is None else found.gate.plain,
        "stored": {"decision": decision, "reason": reason},
        "recomputed": None
        if found.verdict is None
        else {
            "decision": str(found.verdict.decision),
            "reason": found.verdict.reason,
            "looks": [look.plain for look in found.verdict.looks],
        },
        "differences": list(found.differences),
    }


def _opened(store: str) -> Any:
    return import_module("flywheel.store.whole").open_store(store)
