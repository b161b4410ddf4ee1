"""Which versions of the tables must stay readable."""

from collections.abc import Mapping
from dataclasses import dataclass

from flywheel.core.errors import StoreError
from flywheel.core.iteration import Stage
from flywheel.store import layout
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.ledger import VERSIONS, Ledger, read_ledger
from flywheel.upkeep.transactions import due_transactions


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What garbage collection leaves alone, and why."""

    policies: tuple[str, ...]
    """The live version, then those that were live before it: what can be rolled back to."""
    newest_iteration: int
    """The last that was begun or asked for."""
    in_training: str
    """The version that the next or running training makes."""
    trained: frozenset[str]
    """Versions that a record of a training names."""
    versions: Mapping[str, frozenset[int]]
    """Table -> versions whose files stay."""


def kept(store: Store, *, rollback_versions: int) -> Kept:
    """The newest versions, those of the policy versions that are live or can be rolled back to, and all that the last
    iteration names, the last finished one, and the one that is due.

    StoreError: a record or a manifest is damaged or written by a newer flywheel, so that nobody can tell.
    """
    ledger = read_ledger(store)
    _refuse_damage(ledger)
    policies = live_policies(ledger)[: 1 + rollback_versions]
    versions: dict[str, set[int]] = {name: set() for name in store.tables}
    for name, table in store.tables.items():
        newest = table.newest()
        versions[name] |= set() if newest is None else {newest}
    for policy_id in policies:
        version = store.policies.version(policy_id)
        if version is None:
            raise StoreError(f"{layout.policy(policy_id)}: missing, though it was live: see `flywheel data verify`")
        for name, number in version.trained_on.items():
            versions[name].add(number)
    for iteration in (ledger.due, ledger.finished, *ledger.iterations[-1:]):
        for outcome in () if iteration is None else iteration.outcomes.values():
            for product, name in VERSIONS.items():
                versions[name] |= {outcome[product]} if product in outcome else set()
    for name, transaction in due_transactions(ledger):
        # Committed by a stage that died before its record: it goes on with exactly that version.
        versions[name] |= set(store.tables[name].commits([transaction]).values())
    return Kept(
        policies=tuple(policies),
        newest_iteration=max([*ledger.control.iterations, *(some.number for some in ledger.iterations)], default=0),
        in_training=f"policy-{ledger.due.number:04d}",
        trained=frozenset(record["policy_id"] for _, stage, record in ledger.stages if stage is Stage.TRAIN),
        versions={name: frozenset(numbers) for name, numbers in versions.items()},
    )


def live_policies(ledger: Ledger) -> list[str]:
    """Every version that was live, the one that is live first: as the chronicle says, then as the stages' records."""
    told = [deployment.policy_id for deployment in reversed(ledger.control.deployments)]
    deployed = [some.outcomes[Stage.DEPLOY]["live"] for some in ledger.iterations if Stage.DEPLOY in some.outcomes]
    return list(dict.fromkeys([*told, *(live for live in reversed(deployed) if live is not None)]))


def _refuse_damage(ledger: Ledger) -> None:
    for finding in ledger.findings:
        if finding.kind in (Kind.DAMAGE, Kind.NEWER):
            raise StoreError(
                f"{finding.key}: {finding.problem}. Nobody can tell what must be kept: see `flywheel data verify`"
            )
