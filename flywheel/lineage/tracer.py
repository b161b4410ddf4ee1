"""Tracer: both lineages of one store, for whoever asks again and again."""

from flywheel.lineage.episode import EpisodeLineage, episode_lineage
from flywheel.lineage.policy import PolicyLineage, policy_lineage
from flywheel.store.whole import Store


class Tracer:
    """Asks the store anew each time."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def policy(self, policy_id: str) -> PolicyLineage:
        return policy_lineage(self._store, policy_id)

    def episode(self, episode_id: str) -> EpisodeLineage:
        return episode_lineage(self._store, episode_id)
