"""`flywheel episodes`: find them, and look at one."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking, has_subcommand
from flywheel.cli.filming import Out, file_for
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import bytes_in_words, print_list, print_rows, progress_bar, say

app = typer.Typer()

EpisodeId = Annotated[str, typer.Argument(help="As in the table of episodes.", metavar="ID")]


@app.callback(invoke_without_command=True)
@asking
def episodes(
    ask: Ask,
    context: typer.Context,
    task: Annotated[str | None, typer.Option(help="Only made for this task, such as metaworld/reach-v3.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="Only made by this version, or by the one that is live or candidate.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="With --policy live or candidate: who that was then, such as 2026-01-05T09:30:00Z."),
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="Only success, failure, unscored or error.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Only made for this: demonstration, collection, evaluation, final, upload.")
    ] = None,
    iteration: Annotated[int | None, typer.Option(min=0, help="Only made in this iteration.")] = None,
    limit: Limit = 50,
) -> None:
    """List episodes, those of later iterations first, or show one."""
    if has_subcommand(context):
        return
    found = ask.wheel.episodes.all(task=task, policy=policy, at=at, outcome=outcome, source=source, iteration=iteration)
    listed = first(found, limit)
    rows = [
        (one.episode_id, one.task, one.source, one.behaviour_policy, one.outcome, one.num_decisions) for one in listed
    ]
    columns = ("episode", "task", "source", "behaviour policy", "outcome", "decisions")
    ask.show(listed, lambda: print_list("episodes", columns, rows))


@app.command()
@asking
def show(ask: Ask, episode_id: EpisodeId) -> None:
    """Show an episode and what it is worth under each task."""
    found = ask.wheel.episodes.get(episode_id)

    def in_words() -> None:
        say(f"{found.episode_id}  {found.task}  {found.source}, iteration {found.iteration}")
        say(f"  by {found.behaviour_policy}, from initial state {found.initial_state}, seed {found.seed}")
        say(f"  {found.outcome} after {found.num_decisions} decisions{f': {found.error}' if found.error else ''}")
        rows = [
            (one.task, one.labeler, one.labeler_version, _in_words(one.success), f"{one.total_reward:g}")
            for one in found.labels
        ]
        print_rows("labels", ("task", "labeler", "version", "success", "sum of rewards"), rows)

    ask.show(found, in_words)


@app.command()
@asking
def lineage(ask: Ask, episode_id: EpisodeId) -> None:
    """Say which policy versions were trained on an episode. It may take a while."""
    found = ask.wheel.episodes.lineage(episode_id)

    def in_words() -> None:
        say(f"{found.episode_id}  trained on it: {', '.join(found.trained) or 'no policy version'}")
        for what, names in (("left it out", found.left_out), ("no longer known", found.unknown)):
            if names:
                say(f"  {what}: {', '.join(names)}")
        if found.recalled_by:
            say(f"  left out of later training by recall {', '.join(map(str, found.recalled_by))}")

    ask.show(found, in_words)


@app.command()
@asking
def video(
    ask: Ask,
    episode_id: EpisodeId,
    out: Out = None,
    wait_s: Annotated[float, typer.Option(min=0.0, help="Seconds to wait while it is made.")] = 300.0,
) -> None:
    """Get an episode's video. It is made when it is first asked for, which takes seconds."""
    path = file_for(episode_id, out)
    with progress_bar() as progress:
        data = ask.wheel.episodes.video(
            episode_id, timeout_s=wait_s, heard=lambda filming: progress("frames", filming.done, filming.total)
        )
    path.write_bytes(data)
    found = {"episode_id": episode_id, "path": str(path), "num_bytes": len(data)}
    ask.show(found, lambda: say(f"{path}: {bytes_in_words(len(data))}"))


def _in_words(success: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[success]
