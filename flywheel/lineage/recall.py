"""Recall: episodes that all later training leaves out. A recall is a record and is undone by another."""

from collections.abc import Iterable, Sequence

from flywheel.core.errors import ConfigError, RecordExistsError
from flywheel.core.exclusion import RECALLS, Recall, active, recall_key
from flywheel.ports import Records
from flywheel.store.whole import Store


def recalls(records: Records) -> list[Recall]:
    """All, in order, undone or not. StoreError: one of them is damaged."""
    found = ((key, records.read(key)) for key in records.keys(RECALLS))
    return [Recall.of(key, record) for key, record in found if record is not None]


def recall(store: Store, *, policies: Sequence[str], episodes: Iterable[str], reason: str) -> Recall:
    """ConfigError: there is no such behaviour policy or episode, or nothing is given; nothing was recorded."""
    wanted = sorted(set(episodes))
    if not policies and not wanted:
        raise ConfigError("a recall needs a policy version or episodes")
    made = store.episodes.summaries()
    behaved, known = {some.behaviour_policy for some in made}, {some.episode_id for some in made}
    for name in policies:
        if name not in behaved:
            raise ConfigError(f"{name} made no episode of {store.url}; those that did: {', '.join(sorted(behaved))}")
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ConfigError(f"{store.url} has no episode {missing[0]}" + _and_more(missing))
    return _record(store.records, policies=tuple(policies), episodes=tuple(wanted), reason=reason, undoes=None)


def undo(store: Store, number: int, *, reason: str) -> Recall:
    """ConfigError: there is no such recall, or it does not count any more."""
    found = recalls(store.records)
    if not any(some.number == number for some in found):
        raise ConfigError(f"{store.url} has no recall {number}; it has {len(found)}")
    if not any(some.number == number for some in active(found)):
        raise ConfigError(f"recall {number} of {store.url} does not count any more; recall the episodes anew")
    return _record(store.records, policies=(), episodes=(), reason=reason, undoes=number)


def _record(
    records: Records, *, policies: tuple[str, ...], episodes: tuple[str, ...], reason: str, undoes: int | None
) -> Recall:
    """Under the next number; whoever takes the same number at the same time gets the one after."""
    number = max((int(key.removeprefix(RECALLS)) for key in records.keys(RECALLS)), default=0) + 1
    made = Recall(number=number, policies=policies, episodes=episodes, reason=reason, undoes=undoes)
    try:
        records.write(recall_key(number), made.record)
    except RecordExistsError:
        if undoes is not None:
            raise  # Perhaps it was undone a moment ago: look again.
        return _record(records, policies=policies, episodes=episodes, reason=reason, undoes=undoes)
    return made


def _and_more(missing: Sequence[str]) -> str:
    return f", nor {len(missing) - 1} more of those given" if len(missing) > 1 else ""
