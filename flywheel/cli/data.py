"""`flywheel data`: what keeps a store's data whole, small and known. Exit code 1: something is damaged or failed."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def data() -> None:
    """Look after the episodes and everything else that a store holds."""
