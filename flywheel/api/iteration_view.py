"""An iteration as the API shows it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.plane import Plane
from flywheel.config import Overrides
from flywheel.core.control import IterationState, IterationStatus


class ProgressView(BaseModel):
    """How far the running stage is."""

    stage: Annotated[str, Field(description="The stage", examples=["train"])]
    done: Annotated[int, Field(description="Updates of a training, episodes of any other stage", examples=[400])]
    total: Annotated[int, Field(description="0: not known yet", examples=[1000])]
    figures: Annotated[dict[str, float], Field(description="What the stage measures", examples=[{"loss": 11.5}])]


class IterationView(BaseModel):
    """One turn of the wheel."""

    model_config = ConfigDict(from_attributes=True)

    number: Annotated[int, Field(description="Counts from 0, which is pretraining", examples=[3])]
    state: Annotated[
        IterationState, Field(description="Where it stands; the last four are final", examples=["running"])
    ]
    stages: Annotated[list[str], Field(description="Finished stages, in order", examples=[["plan", "collect"]])]
    progress: Annotated[ProgressView | None, Field(description="Of the running stage; null while none runs")] = None
    reason: Annotated[str, Field(description="Why it ended as it did; of a failure, its root cause", examples=[""])]
    overrides: Annotated[Overrides, Field(description="Settings of this iteration alone")]
    campaign: Annotated[int | None, Field(description="The campaign that it belongs to", examples=[1])]
    retry_of: Annotated[int | None, Field(description="The iteration that this one tries again", examples=[None])]
    requested_by: Annotated[str, Field(description="Who asked for it", examples=["token:alice"])]
    requested_at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    started_at: Annotated[str | None, Field(description="RFC 3339; null: not yet", examples=[None])]
    finished_at: Annotated[str | None, Field(description="RFC 3339; null: not yet", examples=[None])]
    owner: Annotated[str | None, Field(description="The process that turns it, or did last", examples=[None])]
    cancel_requested_by: Annotated[str | None, Field(description="Who asked it to stop", examples=[None])]
    approved_by: Annotated[str | None, Field(description="Who let its candidate be deployed", examples=[None])]


def shown(plane: Plane, status: IterationStatus) -> IterationView:
    """With the progress of its running stage."""
    return IterationView.model_validate(status).model_copy(update={"progress": progress_of(plane, status)})


def progress_of(plane: Plane, status: IterationStatus) -> ProgressView | None:
    """None unless it is the one that runs."""
    if status.state is not IterationState.RUNNING:
        return None
    progress = plane.watch.progress()
    if progress is None or progress.iteration != status.number:
        return None
    return ProgressView(stage=progress.stage, done=progress.done, total=progress.total, figures=dict(progress.figures))
