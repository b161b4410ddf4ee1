"""Filmmaker: an episode becomes its video, or an error says why it cannot."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flywheel.config import Suite
from flywheel.core.episode import Episode, Outcome
from flywheel.core.errors import ConflictError, OtherReplayError, RenderingError
from flywheel.filming.critique import critique
from flywheel.filming.overlay import Caption
from flywheel.filming.studio import Footage, Heard, Shot, Studio, unheard
from flywheel.ports import Policies

CLOSE = 1e-3
"""How far the first observation of a replay may be from the recorded one: machines differ in the last bits."""


class Filmmaker:
    """Makes the videos of one configuration's tasks."""

    def __init__(self, *, suites: Sequence[Suite], policies: Policies, studio: Studio) -> None:
        self._policies, self._studio = policies, studio
        self._suites = {
            f"{suite.suite}/{task}": suite.model_dump(mode="json") for suite in suites for task in suite.tasks
        }

    def check(self, episode: Episode) -> None:
        """Before any work. ConflictError: nothing could be shown."""
        self._suite(episode)
        if episode.num_decisions == 0:
            raise ConflictError(f"episode {episode.episode_id} has no decisions: {episode.error}")

    def film(self, episode: Episode, heard: Heard = unheard) -> bytes:
        """MP4. ConflictError: nothing could be shown. OtherReplayError: the replay is another episode.

        RenderingError: this machine cannot render.
        """
        self.check(episode)
        judged = critique(episode, self._policies)
        caption = Caption(
            task=episode.task,
            policy=episode.behaviour_policy,
            outcome=str(episode.outcome),
            rewards=episode.rewards.tolist(),
            successes=episode.successes.tolist(),
            q=judged.q,
            note=judged.note,
        )
        shot = Shot(episode=episode, caption=caption)
        (footage,) = self._studio.take([shot], suite=self._suite(episode), heard=heard)
        if footage.outcome is None:
            raise RenderingError(f"this machine cannot render: {footage.problem}")
        _check_same(episode, footage)
        if footage.data is None:
            raise RenderingError(f"episode {episode.episode_id}: there is nothing to see")
        return footage.data

    def _suite(self, episode: Episode) -> Mapping[str, Any]:
        if episode.task not in self._suites:
            raise ConflictError(
                f"episode {episode.episode_id}: the configuration has no task {episode.task} to replay it in"
            )
        return self._suites[episode.task]


def _check_same(episode: Episode, footage: Footage) -> None:
    """OtherReplayError: it began elsewhere, or ended otherwise."""
    for name, values in (footage.first or {}).items():
        recorded = episode.observations[name][0] if name in episode.observations else None
        if recorded is None or not np.allclose(values, recorded, rtol=CLOSE, atol=CLOSE):
            raise OtherReplayError(
                f"episode {episode.episode_id}: its seed leads to another initial state here: {name} differs"
            )
    # Of one that crashed, what came before the crash is shown.
    if episode.outcome is not Outcome.ERROR and footage.outcome != episode.outcome:
        raise OtherReplayError(
            f"episode {episode.episode_id} ended as {episode.outcome}, its replay as {footage.outcome}"
            + (f" ({footage.failure})" if footage.failure else "")
        )
