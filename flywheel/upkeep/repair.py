"""Repair: takes what is damaged out of the way, and keeps it. What only a copy of the store can mend is said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flywheel.core.delivery import ATTEMPTS, DELIVERIES
from flywheel.core.entry import CHAPTERS
from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.iteration import Stage, record_key
from flywheel.core.spending import BUDGETS
from flywheel.store import layout
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Area, Finding, Kind
from flywheel.upkeep.kept import live_policies
from flywheel.upkeep.ledger import FINAL, ITERATIONS, REPAIRS, next_key
from flywheel.upkeep.rescue import Rescue
from flywheel.upkeep.retention import without_rows
from flywheel.upkeep.rows import orphans
from flywheel.upkeep.verify import Inspection


@dataclass(frozen=True, kw_only=True)
class Move:
    """An object that goes into quarantine; one that is missing already is only recorded."""

    key: str
    why: str


@dataclass(frozen=True, kw_only=True)
class RepairPlan:
    """What a repair would do. Empty: there is nothing that it can do."""

    moves: tuple[Move, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    """Table and path of files that its next version no longer names."""
    orphans: frozenset[str] = frozenset()
    """Episodes whose labels have nothing to judge."""
    rescues: tuple[Rescue, ...] = ()
    """Complete episodes that are committed."""
    beyond: tuple[Finding, ...] = ()
    """What only a copy of the store can mend."""

    @property
    def empty(self) -> bool:
        return not (self.moves or self.dropped or self.orphans or self.rescues)


def plan_repair(store: Store, inspection: Inspection, rescues: Sequence[Rescue] = ()) -> RepairPlan:
    """From a thorough inspection. StoreError: a newer flywheel wrote here, so that nothing can be judged."""
    newer = inspection.of(Kind.NEWER)
    if newer:
        raise StoreError(f"{newer[0].key}: {newer[0].problem}. Nothing is repaired")
    moves: dict[str, Move] = {}
    beyond: list[Finding] = []
    for finding in inspection.of(Kind.DAMAGE):
        found = list(_moves(store, finding, inspection))
        moves |= {move.key: move for move in found if move.key not in moves}
        if not found and not _only_orphans(finding, inspection):
            beyond.append(finding)
    dropped = tuple(
        (name, found.files[key].path)
        for name, found in inspection.tables.items()
        for key in sorted(found.newest_keys & moves.keys())
    )
    return RepairPlan(
        moves=tuple(moves.values()),
        dropped=dropped,
        orphans=_orphans(inspection),
        rescues=tuple(rescues),
        beyond=tuple(beyond),
    )


def repair(store: Store, plan: RepairPlan) -> str | None:
    """Copies to quarantine, commits new versions, records, and only then removes. Returns the record's key.

    StoreError: something could not be done; whatever was done before it may be repeated.
    """
    if plan.empty:
        return None
    time = datetime.now(UTC)
    moved = [_copied(store, move, time.strftime("%Y%m%dT%H%M%SZ")) for move in plan.moves]
    versions: dict[str, int] = {}
    for name, table in store.tables.items():
        paths = [path for where, path in plan.dropped if where == name]
        if paths:
            name_of_it = f"repair-{paths[0].removeprefix('part-')[:16]}-{len(paths)}"
            versions[name] = table.replace(paths, [], transaction=name_of_it, changes_data=True)
    if plan.orphans:
        done = without_rows(
            store.tables[layout.LABELS],
            layout.LABELS,
            plan.orphans,
            reason="repair-labels",
            progress=lambda what, done, total: None,
        )
        versions |= {layout.LABELS: done.version} if done else {}
    for rescue in plan.rescues:
        versions[layout.EPISODES] = rescue.commit(store)
    key = next_key(store, REPAIRS)
    store.records.write(
        key,
        {
            "at": time.isoformat(timespec="seconds"),
            "moved": moved,
            "labels_of": sorted(plan.orphans),
            "committed": [rescue.transaction for rescue in plan.rescues],
            "versions": versions,
        },
    )
    for move in plan.moves:
        store.objects.delete(move.key)
    return key


def _moves(store: Store, finding: Finding, inspection: Inspection) -> Iterator[Move]:
    """Nothing where moving the object would help nobody, or would undo what a person decided."""
    if finding.area in (Area.EPISODES, Area.LABELS):
        if finding.key in inspection.tables[finding.area].files and not _only_orphans(finding, inspection):
            yield Move(key=finding.key, why=finding.problem)
    elif finding.area is Area.CHECKPOINTS:
        folder = f"{finding.key.rpartition('/')[0]}/"
        yield from (Move(key=key, why=finding.problem) for key in store.objects.keys(folder))
    elif finding.area is Area.POLICIES:
        if not any(finding.key.startswith(layout.policy(policy_id)) for policy_id in _needed(inspection)):
            yield Move(key=finding.key, why=finding.problem)
    elif finding.area is Area.LOGS:
        yield Move(key=finding.key, why=finding.problem)
    elif finding.area is Area.RECORDS:
        yield from _record_moves(finding, inspection)


def _record_moves(finding: Finding, inspection: Inspection) -> Iterator[Move]:
    """A stage whose record is gone runs again on what it committed, and so do those after it; of an iteration that is
    over, only that record is made again, where it can be (`flywheel.mending`).

    A delivery without a record is made again, and so is a chapter. The chronicle is what was decided: nothing makes an
    entry anew.
    """
    ledger, key = inspection.ledger, finding.key.removeprefix(layout.RECORDS).removesuffix(".json")
    if finding not in ledger.findings:
        return
    if key.startswith((FINAL, DELIVERIES, ATTEMPTS, CHAPTERS)):
        yield Move(key=finding.key, why=finding.problem)
    elif key.startswith(ITERATIONS):
        followers = list(_followers(key, inspection))
        if followers and key.endswith(f"/{Stage.PLAN}"):
            return  # What was made by that plan would not fit another; once the iteration is cancelled, it is lost.
        yield Move(key=finding.key, why=finding.problem)
        yield from followers


def _followers(key: str, inspection: Inspection) -> Iterator[Move]:
    """Records of the later stages of an iteration that goes on."""
    number, _, name = key.removeprefix(ITERATIONS).partition("/")
    ledger, stages = inspection.ledger, [str(stage) for stage in Stage]
    if number.isdigit() and name in stages and ledger.goes_on(int(number)):
        for later in stages[stages.index(name) + 1 :]:
            follower = record_key(int(number), later)
            if follower in ledger.records:
                yield Move(key=layout.record(follower), why=f"follows from {key}")


def _needed(inspection: Inspection) -> set[str]:
    """Policy versions that the next iteration acts with, starts from or is compared with."""
    iterations = inspection.ledger.iterations
    opened = [record["anchor"] for key, record in inspection.ledger.records.items() if key.startswith(BUDGETS)]
    gates = [some.outcomes[Stage.PLAN]["gate"] for some in iterations if Stage.PLAN in some.outcomes]
    anchors = {*opened[-1:], *(gate["anchor"] for gate in gates[-1:] if gate is not None)} - {None}
    trained = [some.outcomes[Stage.TRAIN]["policy_id"] for some in iterations if Stage.TRAIN in some.outcomes]
    return {*live_policies(inspection.ledger)[:1], *trained[-1:], *anchors}


def _only_orphans(finding: Finding, inspection: Inspection) -> bool:
    """Whether the file is whole and only some of its rows are wrong."""
    return finding.area is Area.LABELS and finding.key in inspection.rows.labels


def _orphans(inspection: Inspection) -> frozenset[str]:
    """Labels of the newest version without an episode, once damaged files are gone."""
    episodes, labels = (inspection.tables[name] for name in (layout.EPISODES, layout.LABELS))
    left = [key for key in episodes.newest_keys if key in inspection.rows.episodes]
    known = {episode_id: length for key in left for episode_id, length in inspection.rows.episodes[key].items()}
    found = [inspection.rows.labels[key] for key in labels.newest_keys if key in inspection.rows.labels]
    return frozenset(episode_id for labelled in found for episode_id in orphans(labelled, known))


def _copied(store: Store, move: Move, time: str) -> dict[str, str | None]:
    """What the record says of it."""
    to = layout.quarantined(time, move.key)
    try:
        store.objects.put(to, store.objects.get(move.key))
    except NotFoundError:
        return {"key": move.key, "to": None, "why": move.why}
    return {"key": move.key, "to": to, "why": move.why}
