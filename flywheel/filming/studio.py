"""Studio: has episodes replayed and pictured by a process of its own, and says what came of each."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

import numpy as np

from flywheel.core.episode import Episode, Floats, Outcome
from flywheel.filming.overlay import Caption

BACKENDS = ("egl", "osmesa")
"""Ways for MuJoCo to render without a display, in the order in which they are tried."""

TIMEOUT_S = 600.0
"""For all shots of one call, with each backend."""

Heard = Callable[[int, int], None]
"""Frames that are done, and of how many."""


def unheard(done: int, total: int) -> None:
    """For those who need not be told."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One episode to be pictured."""

    episode: Episode
    caption: Caption | None
    """Of a video; None: a strip is wanted."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What came of one shot."""

    data: bytes | None
    """MP4 or WebP; None: there is nothing to see."""
    problem: str | None
    """Why not, where this machine could not."""
    outcome: Outcome | None = None
    """How the replay ended."""
    failure: str | None = None
    """What the simulator raised in it."""
    first: Mapping[str, Floats] | None = None
    """What was observed after the reset, modality -> [D]."""


class Studio:
    """Takes shots of one suite at a time."""

    def __init__(self, *, backends: Sequence[str] = BACKENDS, timeout_s: float = TIMEOUT_S) -> None:
        self._backends, self._timeout_s = backends, timeout_s

    def take(self, shots: Sequence[Shot], *, suite: Mapping[str, Any], heard: Heard = unheard) -> list[Footage]:
        """In order. What one backend could not render is tried with the next.

        `suite`: its section of the configuration, as plain values.
        """
        done: dict[int, Footage] = {}
        problems: list[str] = []
        for backend in self._backends:
            waiting = [index for index in range(len(shots)) if index not in done]
            if waiting:
                with TemporaryDirectory() as name:
                    folder = Path(name)
                    problems.append(self._run(folder, [shots[index] for index in waiting], suite, backend, heard))
                    found = {index: _footage(folder, place) for place, index in enumerate(waiting)}
                    done |= {index: footage for index, footage in found.items() if footage is not None}
        missing = Footage(data=None, problem="; ".join(problems) or "no backend to render with")
        return [done.get(index, missing) for index in range(len(shots))]

    def _run(self, folder: Path, shots: Sequence[Shot], suite: Mapping[str, Any], backend: str, heard: Heard) -> str:
        """Returns what went wrong; of no meaning where nothing did."""
        request = {"suite": dict(suite), "shots": [_plain(shot) for shot in shots]}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        said = folder / "stderr"
        with said.open("wb") as stderr:
            projector = subprocess.Popen(
                [sys.executable, "-m", "flywheel.filming.projector", str(folder)],
                env=os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        timer = Timer(self._timeout_s, projector.kill)
        timer.start()
        with projector:
            for line in projector.stdout or ():
                done, total = line.split()
                heard(int(done), int(total))
            code = projector.wait()
        late = not timer.is_alive()
        timer.cancel()
        if late:
            return f"{backend}: not done after {self._timeout_s:.0f} s"
        return f"{backend}: {_raised(folder) or _last_error(said) or f'exit code {code}'}"


def _raised(folder: Path) -> str | None:
    path = folder / "problem.txt"
    return path.read_text(encoding="utf-8") if path.exists() else None


def _last_error(said: Path) -> str | None:
    """Of a process that did not come as far as to say what was raised."""
    found = re.findall(r"^[\w.]*(?:Error|Failure|Exception)\b.*$", said.read_text(errors="replace"), flags=re.MULTILINE)
    return found[-1] if found else None


def _plain(shot: Shot) -> dict[str, Any]:
    episode = shot.episode
    return {
        "task": episode.task,
        "seed": episode.seed,
        "actions": episode.actions.tolist(),
        "decision_s": episode.decision_s,
        "caption": None if shot.caption is None else shot.caption.plain,
    }


def _footage(folder: Path, place: int) -> Footage | None:
    """Notes are written after the pictures: a shot without one was not finished."""
    path = folder / f"{place}.json"
    if not path.exists():
        return None
    note = json.loads(path.read_text(encoding="utf-8"))
    pictures = [folder / f"{place}{suffix}" for suffix in (".webp", ".mp4")]
    data = next((picture.read_bytes() for picture in pictures if picture.exists()), None)
    first = {name: np.asarray(values, np.float32) for name, values in note["first"].items()}
    return Footage(data=data, problem=None, outcome=Outcome(note["outcome"]), failure=note["failure"], first=first)
