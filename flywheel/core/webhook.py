"""Webhook: who is told of which entries."""

from dataclasses import dataclass

from flywheel.core.entry import Action, Entry

TOLD = (
    Action.ITERATION_FINISHED,
    Action.ITERATION_WAITING,
    Action.CAMPAIGN_FINISHED,
    Action.POLICY_PROMOTED,
    Action.POLICY_ROLLED_BACK,
    Action.EPISODES_FAILING,
)
"""The actions that a webhook may ask for."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """An address outside and what it is told of."""

    name: str
    url: str
    actions: tuple[Action, ...]
    created_by: str
    created_at: str
    since: int
    """Entries after this one are told."""

    def wants(self, entry: Entry) -> bool:
        return entry.number > self.since and entry.action in self.actions
