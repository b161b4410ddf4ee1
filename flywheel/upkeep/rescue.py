"""Rescue: episodes that were written whole and never committed, because whoever made them died just before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flywheel.core.episode import Episode, EpisodeRequest, Outcome
from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.core.iteration import Stage
from flywheel.core.plan import Plan
from flywheel.stages.assess import order as order_of_assess
from flywheel.stages.collect import order as order_of_collect
from flywheel.stages.evaluate import Contest
from flywheel.stages.gather import Order
from flywheel.stages.ingest import order as order_of_ingest
from flywheel.store import layout
from flywheel.store.whole import Store
from flywheel.upkeep.files import parts
from flywheel.upkeep.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Rescue:
    """All episodes of one transaction."""

    transaction: str
    episodes: tuple[Episode, ...]

    def commit(self, store: Store) -> int:
        """As the stage would have. Written anew, since dead collectors may have left an episode in two files."""
        return store.episodes.commit([store.episodes.write(self.episodes)], transaction=self.transaction)


def plan_rescue(store: Store, ledger: Ledger, plan: Plan) -> list[Rescue]:
    """What the stage that is due asks for, if all of it lies there; a part of it is made again by the stage itself."""
    orders = [order for order in due(store, ledger, plan) if store.episodes.committed(order.transaction) is None]
    wanted = {request.episode_id for order in orders for request in order.requests}
    found = _uncommitted(store, wanted) if wanted else {}
    return [
        Rescue(transaction=order.transaction, episodes=tuple(found[name] for name in sorted(_ids(order.requests))))
        for order in orders
        if _ids(order.requests) <= found.keys()
    ]


def due(store: Store, ledger: Ledger, plan: Plan) -> list[Order]:
    """What the stage that comes next asks its collectors for."""
    iteration, finished = ledger.due, ledger.finished
    if finished is not None and not iteration.outcomes:
        live = finished.outcomes[Stage.DEPLOY]["live"]
        return [] if live is None else [order_of_assess(finished, live, plan)]
    stage = iteration.remaining()[0]
    if stage is Stage.INGEST:
        return [order_of_ingest(iteration, plan)]
    if stage is Stage.COLLECT:
        return [order_of_collect(iteration, plan)]
    if stage is Stage.EVALUATE:
        return _due_batch(store, Contest.of(iteration, plan))
    return []


def _due_batch(store: Store, contest: Contest) -> list[Order]:
    """The first that the table does not have: what comes after depends on it."""
    while (asked := contest.due()) is not None:
        version = store.episodes.committed(asked.transaction)
        if version is None:
            return [asked]
        ids = _ids(asked.requests)
        made = store.episodes.summaries(version=version, iteration=contest.number)
        contest = contest.having([episode for episode in made if episode.episode_id in ids])
    return []


def _uncommitted(store: Store, wanted: set[str]) -> dict[str, Episode]:
    """Episode id -> episode. One that crashed counts only where no other attempt went well."""
    newest = store.episodes.table.newest()
    held = set() if newest is None else {file.key for file in store.episodes.table.files(newest)}
    found: dict[str, Episode] = {}
    for key in sorted(parts(store, layout.EPISODES).keys() - held):
        for episode in _readable(store, key):
            known = found.get(episode.episode_id)
            if episode.episode_id in wanted and (known is None or known.outcome is Outcome.ERROR):
                found[episode.episode_id] = episode
    return found


def _readable(store: Store, key: str) -> Iterator[Episode]:
    try:
        yield from list(store.episodes.of_file(key))
    except StoreUnavailableError:
        raise
    except StoreError:
        return  # A half-written or damaged file that nothing names.


def _ids(requests: Iterable[EpisodeRequest]) -> set[str]:
    return {request.episode_id for request in requests}
