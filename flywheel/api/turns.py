"""What the iterations recorded, the newest first, found without reading all of it."""

from typing import Any

from flywheel.core.errors import NotFoundError
from flywheel.core.iteration import Stage, record_key
from flywheel.core.policy import PolicyVersion
from flywheel.ports import Records

PREFIX = "iterations/"


def recorded_by(records: Records, stage: Stage) -> list[int]:
    """Numbers of the iterations that have a record of the stage, the newest first."""
    ending = f"/{stage}"
    numbers = (key.removeprefix(PREFIX).removesuffix(ending) for key in records.keys(PREFIX) if key.endswith(ending))
    return sorted(map(int, numbers), reverse=True)


def training(records: Records, number: int) -> dict[str, Any]:
    """What an iteration recorded of its training. NotFoundError: nothing."""
    record = records.read(record_key(number, Stage.TRAIN))
    if record is None:
        raise NotFoundError(f"iteration {number} has trained nothing yet")
    return record


def trained(records: Records, number: int) -> PolicyVersion:
    """The version that an iteration trained. NotFoundError: it recorded none."""
    record = training(records, number)
    fields: dict[str, Any] = {name: record.get(name) for name in PolicyVersion.__dataclass_fields__}
    return PolicyVersion(**{**fields, "recalls": tuple(record.get("recalls", ()))})
