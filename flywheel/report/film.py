"""Film strips: which episodes are shown, and their pictures."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.filming.studio import Footage, Shot, Studio
from flywheel.ports import EpisodeTable
from flywheel.report.clusters import clusters
from flywheel.report.schema import Report

MOST_FAILURES = 100
"""Of a task that are looked at."""


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
class Scene:
    """An episode that is shown, for itself or for others."""

    episode: EpisodeSummary
    stands_for: str = ""
    """How many others end like it, in words."""


def choose(episodes: EpisodeTable, *, policy_version: str | None, tasks: Sequence[str]) -> list[Scene]:
    """Per task a success of the version, and of its failures one for each way to end; of a version that has none, the
    newest other's.

    Final episodes come before those of evaluations. The success is the one with the median time among its like.
    """
    summaries, scenes = episodes.summaries(), list[Scene]()
    for task in tasks:
        successes, failures = (
            _preferred(summaries, task, outcome, policy_version) for outcome in (Outcome.SUCCESS, Outcome.FAILURE)
        )
        successes.sort(key=lambda episode: (episode.time_to_success_s or 0.0, episode.episode_id))
        scenes += [Scene(episode=successes[len(successes) // 2])] if successes else []
        scenes += _ways_to_fail(failures, episodes) if failures else []
    return scenes


def _preferred(
    summaries: Sequence[EpisodeSummary], task: str, outcome: Outcome, policy_version: str | None
) -> list[EpisodeSummary]:
    """Of one version, one iteration and one source."""
    fitting = [
        episode
        for episode in summaries
        if episode.task == task and episode.outcome is outcome and episode.source in (Source.FINAL, Source.EVALUATION)
    ]
    best = max((_preference(episode, policy_version) for episode in fitting), default=None)
    return [episode for episode in fitting if _preference(episode, policy_version) == best]


def _ways_to_fail(failures: Sequence[EpisodeSummary], episodes: EpisodeTable) -> list[Scene]:
    """Of many, some are looked at, evenly chosen."""
    looked_at = failures[:: -(-len(failures) // MOST_FAILURES)]
    known = {some.episode_id: some for some in looked_at}
    found = clusters(list(episodes.read(episode_ids=list(known))))
    return [
        Scene(
            episode=known[cluster.medoid],
            stands_for=f"{cluster.num_episodes} of {len(known)} failures end like this" if len(known) > 1 else "",
        )
        for cluster in found
    ]


def film_strips(
    report: Report,
    episodes: EpisodeTable,
    *,
    suites: Mapping[str, Mapping[str, Any]],
    studio: Studio,
) -> tuple[list[Strip], str | None]:
    """Those of the chosen episodes, and a sentence where nothing could be rendered.

    `suites`: task -> its suite's section of the configuration, as plain values.
    """
    version = report.final.policy_version if report.final else report.iterations[-1].live
    scenes = choose(episodes, policy_version=version, tasks=list(report.data.tasks))
    if not scenes:
        return [], "There are no evaluated episodes to show yet."
    chosen = [scene.episode for scene in scenes]
    whole = {episode.episode_id: episode for episode in episodes.read(episode_ids=[some.episode_id for some in chosen])}
    taken: dict[str, Footage] = {}
    for suite in _distinct([suites[some.task] for some in chosen]):
        mine = [some.episode_id for some in chosen if suites[some.task] == suite]
        shots = [Shot(episode=whole[name], caption=None) for name in mine]
        taken |= dict(zip(mine, studio.take(shots, suite=suite), strict=True))
    strips = [_strip(scene, taken[scene.episode.episode_id]) for scene in scenes]
    if all(strip.image is None for strip in strips):
        problem = next((footage.problem for footage in taken.values() if footage.problem), _OTHERWISE)
        return [], f"This machine cannot render the episodes ({problem}), so there are no film strips here."
    return strips, None


def _preference(episode: EpisodeSummary, policy_version: str | None) -> tuple[bool, int, bool]:
    return episode.behaviour_policy == policy_version, episode.iteration, episode.source is Source.FINAL


def _distinct(sections: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [section for index, section in enumerate(sections) if section not in sections[:index]]


_OTHERWISE = "the replay ended otherwise than the record says"


def _strip(scene: Scene, footage: Footage) -> Strip:
    episode = scene.episode
    success = episode.outcome is Outcome.SUCCESS
    took = f"after {episode.time_to_success_s:.2f} s" if episode.time_to_success_s is not None else ""
    ended = took or f"in {episode.num_decisions} decisions"
    stage = "final assessment" if episode.source is Source.FINAL else f"evaluation of iteration {episode.iteration}"
    caption = f"{ended} · {episode.behaviour_policy}, {stage} · seed {episode.seed} · {episode.episode_id}"
    if scene.stands_for:
        caption = f"{scene.stands_for} · {caption}"
    problem = footage.problem or (None if footage.outcome is episode.outcome else _OTHERWISE)
    if problem is not None:
        caption += f" · {problem}"
    return Strip(task=episode.task, success=success, caption=caption, image=footage.data)
