"""Film strips: which episodes are shown, and their pictures."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.filming.studio import Footage, Shot, Studio
from flywheel.ports import EpisodeTable
from flywheel.report.schema import Report


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
    studio: Studio,
) -> tuple[list[Strip], str | None]:
    """A success and a failure of each task, and a sentence where nothing could be rendered.

    `suites`: task -> its suite's section of the configuration, as plain values.
    """
    version = report.final.policy_version if report.final else report.iterations[-1].live
    chosen = choose(episodes.summaries(), policy_version=version, tasks=list(report.data.tasks))
    if not chosen:
        return [], "There are no evaluated episodes to show yet."
    whole = {episode.episode_id: episode for episode in episodes.read(episode_ids=[some.episode_id for some in chosen])}
    taken: dict[str, Footage] = {}
    for suite in _distinct([suites[some.task] for some in chosen]):
        mine = [some.episode_id for some in chosen if suites[some.task] == suite]
        shots = [Shot(episode=whole[name], caption=None) for name in mine]
        taken |= dict(zip(mine, studio.take(shots, suite=suite), strict=True))
    strips = [_strip(some, taken[some.episode_id]) for some in chosen]
    if all(strip.image is None for strip in strips):
        problem = next(iter(taken.values())).problem
        return [], f"This machine cannot render the episodes ({problem}), so there are no film strips here."
    return strips, None


def _preference(episode: EpisodeSummary, policy_version: str | None) -> tuple[bool, int, bool]:
    return episode.behaviour_policy == policy_version, episode.iteration, episode.source is Source.FINAL


def _distinct(sections: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [section for index, section in enumerate(sections) if section not in sections[:index]]


_OTHERWISE = "the replay ended otherwise than the record says"


def _strip(episode: EpisodeSummary, footage: Footage) -> Strip:
    success = episode.outcome is Outcome.SUCCESS
    took = f"after {episode.time_to_success_s:.2f} s" if episode.time_to_success_s is not None else ""
    ended = took or f"in {episode.num_decisions} decisions"
    stage = "final assessment" if episode.source is Source.FINAL else f"evaluation of iteration {episode.iteration}"
    caption = f"{ended} · {episode.behaviour_policy}, {stage} · seed {episode.seed} · {episode.episode_id}"
    problem = footage.problem or (None if footage.outcome is episode.outcome else _OTHERWISE)
    if problem is not None:
        caption += f" · {problem}"
    return Strip(task=episode.task, success=success, caption=caption, image=footage.data)
