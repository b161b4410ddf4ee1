"""Standing: which policy version was live, or the newest candidate, at a time."""

from datetime import datetime

from flywheel.api.plane import Plane
from flywheel.api.turns import trained
from flywheel.core.control import Control
from flywheel.core.entry import Action
from flywheel.core.errors import ConfigError, UnknownError
from flywheel.core.iteration import Stage
from flywheel.core.policy import Status

STANDINGS = (Status.LIVE, Status.CANDIDATE)


def version_named(plane: Plane, name: str | None, *, at: datetime | None) -> str | None:
    """A policy id as it is; of `live` and `candidate`, whose place that was then, or is now.

    UnknownError: nobody's. ConfigError: a time, but no place that changes hands.
    """
    if name not in STANDINGS:
        if at is not None:
            raise ConfigError("at: only together with policy=live or policy=candidate")
        return name
    control = plane.chronicle.control()
    found = _live(control, at) if name == Status.LIVE else _candidate(plane, control, at)
    if found is None:
        when = "yet" if at is None else f"at {at.isoformat()}"
        raise UnknownError(f"there was no {name} version {when}")
    return found


def _live(control: Control, at: datetime | None) -> str | None:
    made = (some.policy_id for some in reversed(control.deployments) if _by(some.at, at))
    return next(made, None)


def _candidate(plane: Plane, control: Control, at: datetime | None) -> str | None:
    """The version that the newest evaluation judged, whatever became of it."""
    for entry in reversed(control.entries):
        evaluated = entry.action is Action.STAGE_COMPLETED and entry.details["stage"] == Stage.EVALUATE
        if evaluated and _by(entry.at, at):
            return trained(plane.records, entry.subject_number).policy_id
    return None


def _by(happened: str, at: datetime | None) -> bool:
    return at is None or datetime.fromisoformat(happened) <= at
