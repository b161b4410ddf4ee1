"""Resume: before a run goes on from its records, what they name must be what is there."""

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel.core.code_version import CODE_VERSION, LOOP_VERSION, loop_version
from flywheel.core.errors import CheckpointError, NotFoundError, OtherLoopError, ResumeError
from flywheel.core.iteration import Iteration, Outcomes, Stage, record_key
from flywheel.ports import Ports, Records

RESTORE = "restore the store from a copy of before, or start anew on another store"


def check_loop(number: int, records: Records) -> None:
    """Whether this code can finish the iteration. OtherLoopError: stages of another loop version have begun it.

    Reads records as they are: those of another loop version may lack what an iteration of this one has.
    """
    found = {stage: records.read(record_key(number, stage)) for stage in Stage}
    recorded = {stage: outcome for stage, outcome in found.items() if outcome is not None}
    if Stage.DEPLOY in recorded:  # Nothing is left to do.
        return
    for stage, outcome in recorded.items():
        if loop_version(outcome) != LOOP_VERSION:
            raise OtherLoopError(
                f"iteration {number}, {stage}: was recorded by flywheel {outcome['flywheel']}, loop version "
                f"{loop_version(outcome)}; this is {CODE_VERSION}, loop version {LOOP_VERSION}",
                remedy=f"Finish the iteration with flywheel {outcome['flywheel']}, or accept that two make it: "
                "--accept-version",
            )


def check(iteration: Iteration, before: Iteration | None, ports: Ports) -> None:
    """Checks all that the iteration goes on from. `before`: the one whose evaluation it learns from; None: the first.

    ResumeError names what differs, with both values, and what to do. CheckpointError, StoreError: something is
    damaged.
    """
    built_on = [some for some in (before, iteration) if some is not None]
    versions = {named: where for some in built_on for named, where in _versions(some)}
    for (table, version, digest), where in versions.items():
        _check_data(table, version, digest, where, ports)
    for policy_id in sorted(_policies(iteration)):
        trained = _training(policy_id, ports)
        if trained is not None:
            _check_policy(policy_id, trained, ports)


def _versions(iteration: Iteration) -> Iterator[tuple[tuple[str, int, str], str]]:
    """(table, version, recorded digest), and where it is recorded."""
    for stage, outcome in iteration.outcomes.items():
        for table, digest in outcome.get("data_digests", {}).items():
            yield (table, _version(table, outcome), digest), f"iteration {iteration.number}, {stage}"


def _version(table: str, outcome: Outcomes) -> int:
    trained_on: Mapping[str, int] = outcome.get("trained_on", {})
    return trained_on[table] if trained_on else int(outcome[f"{table}_version"])


def _check_data(table: str, version: int, recorded: str, where: str, ports: Ports) -> None:
    try:
        found = ports.episodes.digest(version) if table == "episodes" else ports.labels.digest(version)
    except NotFoundError as failure:
        raise ResumeError(f"{where}: {failure}; {RESTORE}") from failure
    if found != recorded:
        raise ResumeError(
            f"{where}: version {version} of the table {table} holds other files than were recorded: "
            f"digest {found}, recorded {recorded}; {RESTORE}"
        )


def _policies(iteration: Iteration) -> set[str]:
    """The versions that act, are trained on from, or are judged in what is left to do."""
    own = iteration.outcomes.get(Stage.TRAIN, {}).get("policy_id")
    live = iteration.outcomes.get(Stage.DEPLOY, {}).get("live")
    anchor = (iteration.outcomes.get(Stage.PLAN, {}).get("gate") or {}).get("anchor")
    return {
        policy_id for policy_id in (iteration.live, iteration.candidate, own, live, anchor) if policy_id is not None
    }


def _training(policy_id: str, ports: Ports) -> Outcomes | None:
    """The record of it; None: it is lost. CheckpointError: there is no such version."""
    version = ports.policies.version(policy_id)
    if version is None:
        raise CheckpointError(f"policy version {policy_id}: missing, though the records name it; {RESTORE}")
    return ports.records.read(record_key(version.iteration, Stage.TRAIN))


def _check_policy(policy_id: str, recorded: Mapping[str, Any], ports: Ports) -> None:
    """Its files hold weights, the learner's state, the normalisation and the contract."""
    found = ports.policies.digests(policy_id)
    for name in sorted(recorded["file_digests"].keys() | found.keys()):
        ours, theirs = found.get(name, "no such file"), recorded["file_digests"].get(name, "no such file")
        if ours != theirs:
            raise ResumeError(
                f"{policy_id}: {name} is not the one that was trained: its sha256 is {ours}, "
                f"recorded was {theirs}; {RESTORE}"
            )
    contract = ports.contract()
    if recorded["contract"] != contract:
        raise ResumeError(
            f"{policy_id}: sees or does other things than this configuration's tasks: the contract's digest is "
            f"{contract}, recorded was {recorded['contract']}. Has an environment's package changed? "
            "Go on with the one that was there, or start anew on another store"
        )
