"""`flywheel data video`, and where videos are written."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.printing import bytes_in_words, print_json, progress_bar, say
from flywheel.core.errors import ConfigError

Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="A file; what is there is replaced. Default: ID.mp4, here.")
]


def add(app: typer.Typer) -> None:
    """Registers the command."""
    app.command("video")(video_command)


def file_for(episode_id: str, out: Path | None) -> Path:
    """Where the video goes. ConfigError: no file can be there."""
    path = Path(f"{episode_id}.mp4") if out is None else out
    if not path.parent.is_dir() or path.is_dir():
        raise ConfigError(f"--out {path}: no file can be there")
    return path


def video_command(
    episode_id: Annotated[str, typer.Argument(help="As in the table of episodes.", metavar="ID")],
    store: Annotated[str, typer.Option(help="The store.")],
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print plain JSON.")] = False,
) -> None:
    """Get an episode's video without a service. One that the store does not have is made here, and kept there."""
    path = file_for(episode_id, out)
    with progress_bar() as progress:
        data = import_module("flywheel.wiring").video_of(
            store, episode_id, lambda done, total: progress("frames", done, total)
        )
    path.write_bytes(data)
    if as_json:
        print_json({"episode_id": episode_id, "path": str(path), "num_bytes": len(data)})
    else:
        say(f"{path}: {bytes_in_words(len(data))}")
