"""Commands on schedules. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError, UnknownError
from flywheel.core.schedule import Schedule, Trigger


def create(control: Control, name: str, *, by: str, trigger: Trigger, overrides: Mapping[str, Any]) -> Draft:
    if name in control.schedules:
        raise ConflictError(f"schedule {name} is there already: delete it first")
    return Draft(
        action=Action.SCHEDULE_CREATED,
        subject=f"schedules/{name}",
        by=by,
        details={"trigger": trigger.plain, "overrides": dict(overrides)},
    )


def delete(control: Control, name: str, *, by: str) -> Draft:
    schedule(control, name)
    return Draft(action=Action.SCHEDULE_DELETED, subject=f"schedules/{name}", by=by)


def schedule(control: Control, name: str) -> Schedule:
    """UnknownError: there is none with this name."""
    if name not in control.schedules:
        raise UnknownError(f"there is no schedule {name}")
    return control.schedules[name]
