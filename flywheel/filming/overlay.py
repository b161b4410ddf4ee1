"""Overlay: what a video says below its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from PIL import Image, ImageDraw, ImageFont

from flywheel.environments.simulator import Frame

PICTURE_HEIGHT = 480
LEAST_WIDTH = 480
BAND_HEIGHT = 104
MARGIN = 12
CURVE = (60, 98)
"""Top and bottom of the curve of Q within the band."""
INK, QUIET, PAPER, RULE = "#f2f2ef", "#a8aaa6", "#16181b", "#3a3d42"
COLOURS = {"success": "#57c785", "failure": "#f0837a", "error": "#f0837a"}
FONT = ImageFont.load_default(size=15)
SMALL = ImageFont.load_default(size=13)


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What is known of an episode besides its pictures. Plain values."""

    task: str
    policy: str
    outcome: str
    rewards: Sequence[float]
    """[T]."""
    successes: Sequence[bool]
    """[T]."""
    q: Sequence[float] | None
    """[T]: of each decision's action, by who acted; None: who acted has no critic."""
    note: str
    """For a person, such as why Q is not known; may be empty."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)

    @property
    def plain(self) -> dict[str, Any]:
        return asdict(self)


class Overlay:
    """Draws one episode's caption below its frames."""

    def __init__(self, caption: Caption, *, speed: str) -> None:
        self._caption, self._speed = caption, speed

    def picture(self, frame: Frame, number: int) -> Image.Image:
        """What was seen after decision `number`, with all that is known by then. Even in width and height."""
        seen = Image.fromarray(frame)
        width = _even(seen.width * PICTURE_HEIGHT / seen.height)
        canvas = Image.new("RGB", (max(width, LEAST_WIDTH), PICTURE_HEIGHT + BAND_HEIGHT), PAPER)
        canvas.paste(seen.resize((width, PICTURE_HEIGHT)), ((canvas.width - width) // 2, 0))
        self._write(ImageDraw.Draw(canvas), canvas.width, number)
        return canvas

    def _write(self, draw: ImageDraw.ImageDraw, width: int, number: int) -> None:
        caption, top = self._caption, PICTURE_HEIGHT
        state = self._state(number)
        left = width - MARGIN - draw.textlength(state, FONT)
        draw.text((left, top + 10), state, COLOURS.get(state, QUIET), FONT)
        title = f"{caption.task}  {caption.policy}"
        draw.text((MARGIN, top + 10), _cut(draw, title, FONT, left - 2 * MARGIN), INK, FONT)
        figures = [f"decision {number} of {len(caption.rewards)}", f"reward {sum(caption.rewards[:number]):.2f}"]
        figures += [f"Q {caption.q[number - 1]:.3f}"] if caption.q is not None else []
        figures.append(self._speed)
        draw.text((MARGIN, top + 33), "   ".join(figures), QUIET, SMALL)
        if caption.q is not None:
            _curve(draw, caption.q, number, left=MARGIN, right=width - MARGIN, top=top)
        elif caption.note:
            note = _cut(draw, caption.note, SMALL, width - 2 * MARGIN)
            draw.text((MARGIN, top + CURVE[0]), note, QUIET, SMALL)

    def _state(self, number: int) -> str:
        """How it ended is said at its end, but a success when it comes."""
        if any(self._caption.successes[:number]):
            return "success"
        return self._caption.outcome if number == len(self._caption.rewards) else ""


def _curve(draw: ImageDraw.ImageDraw, q: Sequence[float], number: int, *, left: int, right: int, top: int) -> None:
    """Q over the whole episode, what is past brighter, between its least and its greatest value."""
    low, high = min(q), max(q)
    above, below = top + CURVE[0], top + CURVE[1]
    scale = (below - above) / (high - low) if high > low else 0.0
    points = [
        (left + (right - left) * place / max(len(q) - 1, 1), below - (value - low) * scale)
        for place, value in enumerate(q)
    ]
    draw.line([(left, below + 1), (right, below + 1)], RULE)
    draw.line(points, RULE, width=2)
    draw.line(points[:number], INK, width=2)
    x, y = points[number - 1]
    draw.ellipse([x - 3, y - 3, x + 3, y + 3], INK)


def _cut(draw: ImageDraw.ImageDraw, text: str, font: Any, width: float) -> str:
    """So that it fits."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text}..."


def _even(length: float) -> int:
    return 2 * round(length / 2)
