"""Film strips: which episodes are shown, and their pictures, made in a process of its own."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.ports import EpisodeTable
from flywheel.report.schema import Report

BACKENDS = ("egl", "osmesa")
"""Ways for MuJoCo to render without a display, in the order in which they are tried."""

TIMEOUT_S = 180.0
"""For all episodes of one suite."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One episode in a row of pictures."""

    task: str
    success: bool
    caption: str
    image: bytes | None
    """WebP; None where it could not be rendered, which the caption says."""

    @property
    def data_url(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/webp;base64,{b64encode(self.image or b'').decode()}"


@dataclass(frozen=True, kw_only=True)
class _Rendered:
    """What the process left for one episode."""

    image: bytes | None
    problem: str | None


def choose(
    summaries: Sequence[EpisodeSummary], *, policy_version: str | None, tasks: Sequence[str]
) -> list[EpisodeSummary]:
    """Per task a success and a failure of the version, where there are any; else of the newest version that has one.

    Final episodes come before those of evaluations. A success is the one with the median time among its like.
    """
    chosen = []
    for task in tasks:
        for outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            fitting = [
                episode
                for episode in summaries
                if episode.task == task
                and episode.outcome is outcome
                and episode.source in (Source.FINAL, Source.EVALUATION)
            ]
            if fitting:
                best = max(_preference(episode, policy_version) for episode in fitting)
                alike = [episode for episode in fitting if _preference(episode, policy_version) == best]
                alike.sort(key=lambda episode: (episode.time_to_success_s or 0.0, episode.episode_id))
                chosen.append(alike[len(alike) // 2])
    return chosen


def film_strips(
    report: Report,
    episodes: EpisodeTable,
    *,
    suites: Mapping[str, Mapping[str, Any]],
    backends: Sequence[str] = BACKENDS,
) -> tuple[list[Strip], str | None]:
    """A success and a failure of each task, and a sentence where nothing could be rendered.

    `suites`: task -> its suite's section of the configuration, as plain values.
    """
    version = report.final.policy_version if report.final else report.iterations[-1].live
    chosen = choose(episodes.summaries(), policy_version=version, tasks=list(report.data.tasks))
    if not chosen:
        return [], "There are no evaluated episodes to show yet."
    whole = {episode.episode_id: episode for episode in episodes.read(episode_ids=[some.episode_id for some in chosen])}
    rendered: dict[str, _Rendered] = {}
    for suite in _distinct([suites[some.task] for some in chosen]):
        mine = [whole[some.episode_id] for some in chosen if suites[some.task] == suite]
        rendered |= _render(mine, suite, backends)
    strips = [_strip(some, rendered[some.episode_id]) for some in chosen]
    if all(strip.image is None for strip in strips):
        problem = next(iter(rendered.values())).problem
        return [], f"This machine cannot render the episodes ({problem}), so there are no film strips here."
    return strips, None


def _preference(episode: EpisodeSummary, policy_version: str | None) -> tuple[bool, int, bool]:
    return episode.behaviour_policy == policy_version, episode.iteration, episode.source is Source.FINAL


def _distinct(sections: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [section for index, section in enumerate(sections) if section not in sections[:index]]


def _render(episodes: Sequence[Episode], suite: Mapping[str, Any], backends: Sequence[str]) -> dict[str, _Rendered]:
    """Episode id -> its picture. What one backend could not render is tried with the next."""
    done: dict[str, _Rendered] = {}
    problem = "no backend to render with"
    for backend in backends:
        waiting = [episode for episode in episodes if episode.episode_id not in done]
        if waiting:
            with TemporaryDirectory() as folder:
                problem = _run(Path(folder), waiting, suite, backend)
                done |= _collect(Path(folder), waiting)
    missing = [episode.episode_id for episode in episodes if episode.episode_id not in done]
    return done | dict.fromkeys(missing, _Rendered(image=None, problem=problem))


def _run(folder: Path, episodes: Sequence[Episode], suite: Mapping[str, Any], backend: str) -> str:
    """Returns what went wrong; of no meaning where nothing did."""
    request = {
        "suite": dict(suite),
        "episodes": [
            {"task": episode.task, "seed": episode.seed, "actions": episode.actions.tolist()} for episode in episodes
        ],
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    command = [sys.executable, "-m", "flywheel.report.filmstrip", str(folder)]
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{backend}: not done after {TIMEOUT_S:.0f} s"
    errors = re.findall(r"^[\w.]*(?:Error|Failure|Exception)\b.*$", ended.stderr, flags=re.MULTILINE)
    return f"{backend}: {errors[-1] if errors else f'exit code {ended.returncode}'}"


def _collect(folder: Path, episodes: Sequence[Episode]) -> dict[str, _Rendered]:
    """The notes are written after the pictures: an episode without one was not finished."""
    found = {}
    for index, episode in enumerate(episodes):
        note = folder / f"{index}.json"
        if note.exists():
            success = json.loads(note.read_text(encoding="utf-8"))["success"]
            problem = None if success == (episode.outcome is Outcome.SUCCESS) else _OTHERWISE
            found[episode.episode_id] = _Rendered(image=(folder / f"{index}.webp").read_bytes(), problem=problem)
    return found


_OTHERWISE = "the replay ended otherwise than the record says"


def _strip(episode: EpisodeSummary, rendered: _Rendered) -> Strip:
    success = episode.outcome is Outcome.SUCCESS
    took = f"after {episode.time_to_success_s:.2f} s" if episode.time_to_success_s is not None else ""
    ended = took or f"in {episode.num_decisions} decisions"
    stage = "final assessment" if episode.source is Source.FINAL else f"evaluation of iteration {episode.iteration}"
    caption = f"{ended} · {episode.behaviour_policy}, {stage} · seed {episode.seed} · {episode.episode_id}"
    if rendered.problem is not None:
        caption += f" · {rendered.problem}"
    return Strip(task=episode.task, success=success, caption=caption, image=rendered.image)
