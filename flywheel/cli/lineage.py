"""`flywheel lineage`: which episodes made a policy version, and which policy versions an episode made."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def lineage() -> None:
    """Trace policy versions to episodes and back."""
