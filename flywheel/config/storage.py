"""What happens while the store is away."""

from typing import Annotated

from pydantic import Field

from flywheel.config.section import Section


class StorageConfig(Section):
    """None of it changes what is computed."""

    deadline_s: Annotated[float, Field(gt=0.0)] = 60.0
    """Seconds that a call to the store goes on trying before the run ends; the same command goes on from there."""
    spool_bytes: Annotated[int, Field(ge=0)] = 1_000_000_000
    """Most that a collector keeps on the local disk while the store is away; beyond that it pauses."""
    spool_folder: str | None = None
    """Where; none: in the system's folder for temporary files."""
