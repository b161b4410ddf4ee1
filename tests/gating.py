"""Pairs and gates for tests."""

from typing import Any

from flywheel.core.gate import PromotionGate

MARGIN = 0.1


def pairs_of(*counts: tuple[int, int, int]) -> str:
    """Letters that have so many wins and losses after the first n; (n, wins, losses), each counted from the start."""
    letters, before = "", (0, 0, 0)
    for n, wins, losses in counts:
        more = [now - then for now, then in zip((n, wins, losses), before, strict=True)]
        letters += "W" * more[1] + "L" * more[2] + "B" * (more[0] - more[1] - more[2])
        before = (n, wins, losses)
    return letters


def make_gate(tasks: str = "abc", **changes: Any) -> PromotionGate:
    """Of the worked examples: alpha 0.02, 200 pairs, a margin of 0.1, all tasks are targets."""
    values: dict[str, Any] = {
        "alpha": 0.02,
        "boundary": 2.19,
        "max_pairs": 200,
        "batch": 25,
        "margins": dict.fromkeys(tasks, MARGIN),
        "targets": tuple(tasks),
    }
    return PromotionGate(**(values | changes))
