"""Replays episodes and leaves their film strips in a folder: python -m flywheel.report.filmstrip FOLDER

A program of its own, because how to render is chosen by environment variables before the simulator is imported, and
because a broken graphics library ends a process rather than raise. `film` starts it.

FOLDER/request.json holds the suite's section of the configuration and the episodes: task, seed and actions [T, A].
For each it leaves <index>.webp and then <index>.json: whether the replay succeeded.
"""

import json
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from flywheel.config import Suite
from flywheel.core.episode import Floats
from flywheel.environments.simulator import Frame
from flywheel.environments.suites import Filmed, filming_factory

NUM_FRAMES = 7
FRAME_HEIGHT = 220
GAP = 6
"""Pixels between two pictures."""


def main(folder: Path) -> None:
    """One environment per task, one episode after the other."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    suite: Suite = TypeAdapter[Suite](Suite).validate_python(request["suite"])
    make = filming_factory((suite,))
    environments: dict[str, Filmed] = {}
    for index, episode in enumerate(request["episodes"]):
        frames, success = _replay(episode, environments, make)
        (folder / f"{index}.webp").write_bytes(strip(frames))
        (folder / f"{index}.json").write_text(json.dumps({"success": success}), encoding="utf-8")
    for environment in environments.values():
        environment.close()


def moments(num_decisions: int) -> list[int]:
    """Up to NUM_FRAMES decisions after which to look, evenly spread from the first to the last.

    Not right after the reset: Meta-World moves the mark of the goal only with the first step.
    """
    return sorted({round(moment) for moment in np.linspace(1, num_decisions, NUM_FRAMES)})


def film(environment: Filmed, *, seed: int, actions: Floats) -> tuple[list[Frame], bool]:
    """The frames of those moments, and whether there was a success. Rendering costs far more than simulating."""
    shown = set(moments(len(actions)))
    frames, success = [], False
    environment.reset(seed)
    for number, action in enumerate(actions, start=1):
        success = bool(environment.step(action).success) or success
        if number in shown:
            frames.append(environment.frame())
    return frames, success


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


def _replay(
    episode: dict[str, Any], environments: dict[str, Filmed], make: Callable[[str], Filmed]
) -> tuple[list[Frame], bool]:
    task = episode["task"]
    if task not in environments:
        environments[task] = make(task)
    return film(environments[task], seed=episode["seed"], actions=np.asarray(episode["actions"], np.float32))


def _scaled(frame: Frame) -> Image.Image:
    picture = Image.fromarray(frame)
    return picture.resize((round(picture.width * FRAME_HEIGHT / picture.height), FRAME_HEIGHT))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
