"""Pace: how fast a video runs, and which decisions it shows."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log2

SHORTEST_S, LONGEST_S = 3.0, 24.0
"""A video that would be shorter or longer in real time runs slower or faster, by a power of two."""
LONGEST_FRAME_S = 0.5
MOST_FRAMES = 240
"""Rendering one takes a tenth of a second without a GPU."""
FRAMES_PER_S = 30


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Of one video."""

    shown: tuple[int, ...]
    """Decisions after which there is a frame, evenly spread; the last is among them. They count from 1."""
    frame_s: float
    """Seconds that each frame is seen."""
    speed: Fraction
    """Simulated seconds per second."""

    @property
    def in_words(self) -> str:
        return "real time" if self.speed == 1 else f"{self.speed} x real time"


def pace(*, num_decisions: int, decision_s: float) -> Pace:
    """Real time, where that can be watched."""
    simulated_s = num_decisions * decision_s
    speed = Fraction(1)
    if simulated_s < SHORTEST_S:
        slowest = ceil(log2(min(decision_s / LONGEST_FRAME_S, 1.0)))
        speed = _power_of_two(max(floor(log2(simulated_s / SHORTEST_S)), slowest))
    elif simulated_s > LONGEST_S:
        speed = _power_of_two(ceil(log2(simulated_s / LONGEST_S)))
    seen_s = simulated_s / float(speed)
    num_frames = min(num_decisions, MOST_FRAMES, max(1, round(seen_s * FRAMES_PER_S)))
    shown = tuple(round(number * num_decisions / num_frames) for number in range(1, num_frames + 1))
    return Pace(shown=shown, frame_s=seen_s / num_frames, speed=speed)


def _power_of_two(exponent: int) -> Fraction:
    return Fraction(2) ** exponent
