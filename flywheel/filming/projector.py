"""Replays episodes and leaves pictures of them in a folder: python -m flywheel.filming.projector FOLDER

A program of its own, because how to render is chosen by environment variables before the simulator is imported, and
because a broken graphics library ends a process rather than raise. `studio` starts it.

FOLDER/request.json holds the suite's section of the configuration, and the shots: task, seed, actions [T, A] and, of
those that become videos, decision_s and the caption. Each leaves <index>.webp or <index>.mp4, where there is anything
to see, and then <index>.json: how the replay began and ended. A line is printed per frame: how many of how many.
FOLDER/problem.txt says what was raised; what broken libraries print may hide it.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from flywheel.config import Suite
from flywheel.environments.suites import Filmed, filming_factory
from flywheel.filming.overlay import Caption, Overlay
from flywheel.filming.pace import pace
from flywheel.filming.replay import Replay
from flywheel.filming.strip import moments, strip
from flywheel.filming.video import write_video

NICENESS = 5
"""Looking at episodes never slows down making them."""

Heard = Callable[[int, int], None]


def main(folder: Path, heard: Heard) -> None:
    """One environment per task, one shot after the other."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    suite: Suite = TypeAdapter[Suite](Suite).validate_python(request["suite"])
    make = filming_factory((suite,))
    environments: dict[str, Filmed] = {}
    for index, shot in enumerate(request["shots"]):
        task = shot["task"]
        if task not in environments:
            environments[task] = make(task)
        actions = np.asarray(shot["actions"], np.float32)
        replay = Replay(environment=environments[task], seed=shot["seed"], actions=actions)
        (_film_strip if shot["caption"] is None else _film_video)(folder / str(index), replay, shot, heard)
        (folder / f"{index}.json").write_text(json.dumps(_note(replay)), encoding="utf-8")
    for environment in environments.values():
        environment.close()


def _film_strip(path: Path, replay: Replay, shot: Mapping[str, Any], heard: Heard) -> None:
    frames = [frame for _, frame in replay.frames(moments(len(shot["actions"])))]
    if frames:
        path.with_suffix(".webp").write_bytes(strip(frames))


def _film_video(path: Path, replay: Replay, shot: Mapping[str, Any], heard: Heard) -> None:
    its_pace = pace(num_decisions=len(shot["actions"]), decision_s=shot["decision_s"])
    overlay = Overlay(Caption.of(shot["caption"]), speed=its_pace.in_words)

    def pictures() -> Iterator[Image.Image]:
        for done, (number, frame) in enumerate(replay.frames(its_pace.shown), start=1):
            yield overlay.picture(frame, number)
            heard(done, len(its_pace.shown))

    write_video(path.with_suffix(".mp4"), pictures(), frame_s=its_pace.frame_s)


def _note(replay: Replay) -> dict[str, Any]:
    first = {name: values.tolist() for name, values in replay.first.items()}
    return {"outcome": replay.outcome, "failure": replay.failure, "first": first}


def _leave_with_parent() -> None:
    """Whoever asked holds the other end of standard input, and is gone when it closes."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    os.nice(NICENESS)
    Thread(target=_leave_with_parent, daemon=True).start()
    lines = sys.stdout
    with redirect_stdout(sys.stderr):  # Simulators greet.
        try:
            main(Path(sys.argv[1]), lambda done, total: print(done, total, file=lines, flush=True))
        except Exception as failure:
            Path(sys.argv[1], "problem.txt").write_text(f"{type(failure).__name__}: {failure}", encoding="utf-8")
            raise
