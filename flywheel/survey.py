"""Survey: before anything is done on somebody else's Ray, each of its nodes is asked whether it can work on a store."""

from dataclasses import dataclass
from functools import partial

from ray.exceptions import RayError

from flywheel.cluster import nodes
from flywheel.cluster.deaths import reason
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.errors import ConfigError, FlywheelError
from flywheel.store.identity import read
from flywheel.store.objects import open_objects


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one process is, and sees."""

    flywheel: str
    store_id: str | None
    trouble: str = ""
    """Why it sees no store."""


def check_nodes(store: str) -> None:
    """ConfigError: nodes have another flywheel, or do not see the store that this process sees."""
    ours, found = look(store), nodes.on_each(partial(look, store))
    complaints = {address: _complaint(sight, ours) for address, sight in found.items()}
    wrong = [f"{address}: {complaint}" for address, complaint in sorted(complaints.items()) if complaint]
    if wrong:
        raise ConfigError("\n".join([f"{len(wrong)} of {len(found)} nodes of Ray cannot work on {store}:", *wrong]))


def look(store: str) -> Sight:
    """In the process that calls it."""
    try:
        return Sight(flywheel=CODE_VERSION, store_id=read(open_objects(store)).store_id)
    except FlywheelError as failure:
        return Sight(flywheel=CODE_VERSION, store_id=None, trouble=str(failure))


def _complaint(sight: Sight | RayError, ours: Sight) -> str:
    if isinstance(sight, RayError):
        cause = getattr(sight, "cause", None)
        return f"flywheel does not run there: {reason(sight) if cause is None else cause!r}"
    if sight.flywheel != ours.flywheel:
        return f"has flywheel {sight.flywheel}, this is {ours.flywheel}: install one version everywhere"
    if sight.store_id is None:
        return f"does not see the store: {sight.trouble}"
    if sight.store_id != ours.store_id:
        return "sees another store under this name: take s3://..., or a folder that all nodes share"
    return ""
