"""What commands show, in words."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel.client import TaskSuccess


def rate(found: TaskSuccess | None) -> str:
    """With its interval and n: `94% (84-98%) of 50`."""
    if found is None:
        return "not evaluated"
    if found.rate is None:
        return "none scored"
    return f"{found.rate:.0%} ({found.lower * 100:.0f}-{found.upper:.0%}) of {found.episodes}"


def rates(found: Sequence[TaskSuccess]) -> str:
    """On one line, without intervals."""
    return (
        ", ".join(
            f"{one.task.rpartition('/')[2]} {'-' if one.rate is None else format(one.rate, '.0%')}" for one in found
        )
        or "-"
    )


def moment(at: str | None) -> str:
    """An RFC 3339 time in UTC, to the second."""
    return "-" if at is None else f"{at[:19].replace('T', ' ')}Z"


def because(reason: str) -> str:
    """After what happened."""
    return f": {reason}" if reason else ""
