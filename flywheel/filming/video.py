"""Videos: pictures as MP4 that every browser plays."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

HOLD_S = 1.0
"""How much longer the last picture is seen."""
QUALITY = "23"
"""x264's constant rate factor."""


def write_video(path: Path, pictures: Iterable[Image.Image], *, frame_s: float) -> None:
    """H.264 with 4:2:0 colours, its index first, so that playing starts before all is there.

    All pictures are of one size, even in width and height; there is at least one.
    """
    rate = Fraction(1 / frame_s).limit_denominator(1000)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": QUALITY, "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        last: Image.Image | None = None
        for picture in pictures:
            if last is None:
                stream.width, stream.height = picture.size
            container.mux(stream.encode(_frame(picture)))
            last = picture
        if last is not None:
            for _ in range(round(HOLD_S / frame_s)):
                container.mux(stream.encode(_frame(last)))
        container.mux(stream.encode())


def _frame(picture: Image.Image) -> av.VideoFrame:
    frame: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
    return frame
