"""`flywheel lineage` and `flywheel recall`: which episodes made a policy version, and which are never used again."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.data import Json, Store
from flywheel.cli.printing import plain, print_json, print_rows, say
from flywheel.core.errors import ConfigError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def lineage() -> None:
    """Trace policy versions to episodes and back."""


@app.command()
def policy(
    version: Annotated[str, typer.Argument(help="A policy version: 7 or policy-0007.")],
    store: Store,
    as_json: Json = False,
) -> None:
    """What a policy version was made from, how it was judged, and when it was live."""
    found = import_module("flywheel.lineage.policy").policy_lineage(_opened(store), version)
    if as_json:
        print_json(_policy_as_plain(found))
        return
    about = found.version
    data = ", ".join(f"{table} version {number}" for table, number in about.trained_on.items())
    say(f"{about.policy_id}  iteration {about.iteration}  sha256 {about.digest}")
    say(f"parent: {about.parent or 'none'}; children: {', '.join(found.children) or 'none'}")
    say(f"made by: flywheel {', '.join(found.made_by)}")
    say(f"trained on: {data}; recalls: {', '.join(map(str, about.recalls)) or 'none'}")
    if found.unreadable:
        say(f"its data cannot be read any more: {found.unreadable}")
    columns = ("behaviour policy", "source", "task", "outcome", "episodes")
    print_rows("episodes", columns, found.episodes or ())
    if found.excluded:
        say(f"{found.excluded} more were left out by its recalls")
    print_rows("labels", ("task", "labeler", "version", "labels"), found.labelers or ())
    if found.gate:
        say(f"gate, iteration {found.gate['iteration']}: {found.gate['decision']}, {found.gate['reason']}")
        live = found.gate["live_tasks"] or {}
        rows = [(task, _of(some), _of(live.get(task))) for task, some in found.gate["tasks"].items()]
        print_rows("evaluation", ("task", "successes", f"of {found.gate['live'] or 'nothing'}, then live"), rows)
    history = [(some["iteration"], "deployed" if some["deployed"] else "stayed live") for some in found.deployments]
    print_rows("deployments", ("iteration", "what"), history)


@app.command()
def episode(
    episode_id: Annotated[str, typer.Argument(help="As in the table of episodes.")],
    store: Store,
    as_json: Json = False,
) -> None:
    """What an episode was judged to be, and which policy versions were trained on it."""
    found = import_module("flywheel.lineage.episode").episode_lineage(_opened(store), episode_id)
    if as_json:
        print_json(found)
        return
    about = found.episode
    say(f"{about.episode_id}  {about.task}  {about.source}, iteration {about.iteration}, by {about.behaviour_policy}")
    say(f"{about.outcome} after {about.num_decisions} decisions; initial state {about.initial_state}")
    rows = [
        (label.task, label.labeler, label.labeler_version, _in_words(label.success), f"{float(label.rewards.sum()):g}")
        for label in found.labels
    ]
    print_rows("labels", ("task", "labeler", "version", "success", "sum of rewards"), rows)
    say(f"trained on it: {', '.join(found.trained) or 'no policy version'}")
    for what, names in (("left it out", found.left_out), ("no longer known", found.unknown)):
        if names:
            say(f"{what}: {', '.join(names)}")
    if found.recalled_by:
        say(f"left out of later training by recall {', '.join(map(str, found.recalled_by))}")


def recall(
    store: Store,
    policy: Annotated[
        list[str] | None, typer.Option(help="Leave out all episodes that this policy version made; may be repeated.")
    ] = None,
    episodes: Annotated[Path | None, typer.Option(help="Leave out those in this file, an id a line.")] = None,
    undo: Annotated[int | None, typer.Option(min=1, help="The recall of this number no longer counts.")] = None,
    reason: Annotated[str, typer.Option(help="For whoever reads it later.")] = "",
    as_json: Json = False,
) -> None:
    """Leave episodes out of all later training, or undo that. Without options: what is recalled."""
    opened, module = _opened(store), import_module("flywheel.lineage.recall")
    if undo is not None and (policy or episodes):
        raise ConfigError("--undo stands alone: give it, or --policy and --episodes")
    if undo is not None:
        module.undo(opened, undo, reason=reason)
    elif policy or episodes:
        names = import_module("flywheel.lineage.policy").policy_id
        wanted = _ids(episodes) if episodes else []
        module.recall(opened, policies=[names(given) for given in policy or ()], episodes=wanted, reason=reason)
    _print_recalls(module.recalls(opened.records), as_json=as_json)


def _print_recalls(recalls: list[Any], *, as_json: bool) -> None:
    counting = {some.number for some in import_module("flywheel.core.exclusion").active(recalls)}
    if as_json:
        print_json([{**plain(some), "counts": some.number in counting} for some in recalls])
        return
    rows = [
        (
            some.number,
            f"undoes {some.undoes}" if some.undoes else ", ".join(some.policies) or "-",
            len(some.episodes),
            some.reason or "-",
            "yes" if some.number in counting else "no",
        )
        for some in recalls
    ]
    print_rows("recalls", ("number", "policy versions", "episodes", "reason", "counts"), rows)
    say(f"{len(counting)} of {len(recalls)} recalls count")


def _ids(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{path}: cannot be read: {failure}") from failure
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise ConfigError(f"{path}: holds no episode id")
    return found


def _policy_as_plain(found: Any) -> dict[str, Any]:
    """Rows as objects, so that a reader need not know the order of columns."""
    episodes = ("behaviour_policy", "source", "task", "outcome", "episodes")
    labelers = ("task", "labeler", "labeler_version", "labels")
    whole: dict[str, Any] = plain(found)
    for name, columns in (("episodes", episodes), ("labelers", labelers)):
        rows = whole[name]
        whole[name] = None if rows is None else [dict(zip(columns, row, strict=True)) for row in rows]
    return whole


def _of(result: dict[str, Any] | None) -> str:
    return "-" if result is None else f"{result['successes']} of {result['episodes']}"


def _in_words(success: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[success]


def _opened(store: str) -> Any:
    return import_module("flywheel.store.whole").open_store(store)
