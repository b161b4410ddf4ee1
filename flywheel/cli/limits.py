"""How much of a long list is shown."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, TypeVar

import typer

Item = TypeVar("Item")

Limit = Annotated[int, typer.Option(min=0, help="How many at most; 0: all.")]


def first(items: Iterable[Item], limit: int) -> list[Item]:
    """Asks for no more pages than it needs."""
    return list(islice(items, limit or None))
