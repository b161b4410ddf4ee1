"""Resume: before a run goes on from its records, what they name must be what is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flywheel.core.code_version import CODE_VERSION, release
from flywheel.core.errors import NotFoundError, ResumeError
from flywheel.core.iteration import Iteration, Outcomes, Stage
from flywheel.ports import Ports

BUILT_ON = 2
"""Iterations whose data counts: the one that goes on, and the one whose evaluation it learns from."""
RESTORE = "restore the store from a copy of before, or start anew on another store"


def check(journey: Sequence[Iteration], ports: Ports, *, accept_version: bool = False) -> None:
    """Checks all that the last iteration of the journey goes on from. The journey has every iteration since the first.

    ResumeError names what differs, with both values, and what to do. CheckpointError, StoreError: something is
    damaged. `accept_version`: an iteration that another release began may be gone on with.
    """
    current = journey[-1]
    if not accept_version:
        _check_code(current)
    versions = {named: where for iteration in journey[-BUILT_ON:] for named, where in _versions(iteration)}
    for (table, version, digest), where in versions.items():
        _check_data(table, version, digest, where, ports)
    trained = {
        outcome["policy_id"]: outcome
        for iteration in journey
        for stage, outcome in iteration.outcomes.items()
        if stage is Stage.TRAIN
    }
    for policy_id in sorted(_policies(current) & trained.keys()):
        _check_policy(policy_id, trained[policy_id], ports)


def _check_code(iteration: Iteration) -> None:
    for stage, outcome in iteration.outcomes.items():
        recorded = outcome.get("flywheel", "an unknown version")
        if iteration.remaining() and release(recorded) != release(CODE_VERSION):
            raise ResumeError(
                f"iteration {iteration.number}, {stage}: was recorded by flywheel {recorded}, this is {CODE_VERSION}. "
                f"Finish the iteration with flywheel {release(recorded)}, or accept that two versions make it: "
                "--accept-version"
            )


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
