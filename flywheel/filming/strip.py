"""Film strips: an episode as a row of pictures."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from flywheel.environments.simulator import Frame

NUM_FRAMES = 7
FRAME_HEIGHT = 220
GAP = 6
"""Pixels between two pictures."""


def moments(num_decisions: int) -> list[int]:
    """Up to NUM_FRAMES decisions after which to look, evenly spread from the first to the last."""
    return sorted({round(moment) for moment in np.linspace(1, num_decisions, NUM_FRAMES)})


def strip(frames: Sequence[Frame]) -> bytes:
    """Side by side, as WebP; a short episode leaves room at the end."""
    pictures = [_scaled(frame) for frame in frames]
    width = max(picture.width for picture in pictures)
    row = Image.new("RGBA", (NUM_FRAMES * width + (NUM_FRAMES - 1) * GAP, FRAME_HEIGHT))
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * (width + GAP), 0))
    written = BytesIO()
    row.save(written, format="WEBP", quality=78, method=4)
    return written.getvalue()


def _scaled(frame: Frame) -> Image.Image:
    picture = Image.fromarray(frame)
    return picture.resize((round(picture.width * FRAME_HEIGHT / picture.height), FRAME_HEIGHT))
