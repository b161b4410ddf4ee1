"""How often a policy version succeeds, as the API shows it: always k of n, with an interval."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from flywheel.core.policy import SuccessRate

Successes = Annotated[int, Field(description="k: episodes that succeeded", examples=[47])]
Scored = Annotated[int, Field(description="n: scored episodes, successes and failures", examples=[50])]
Rate = Annotated[float | None, Field(description="k of n; null where nothing was scored", examples=[0.94])]
Lower = Annotated[float, Field(description="Lower end of the interval at 95%", examples=[0.84])]
Upper = Annotated[float, Field(description="Upper end of the interval at 95%", examples=[0.98])]
Errors = Annotated[int, Field(description="Episodes that crashed or hung; not in n", examples=[0])]
Unscored = Annotated[int, Field(description="Episodes whose success nobody reported; not in n", examples=[0])]
TaskName = Annotated[str, Field(description="The task", examples=["metaworld/reach-v3"])]


class TaskSuccess(BaseModel):
    """Success on one task."""

    task: TaskName
    successes: Successes
    episodes: Scored
    rate: Rate
    lower: Lower
    upper: Upper
    errors: Errors
    unscored: Unscored

    @classmethod
    def of(cls, task: str, *, successes: int, episodes: int, errors: int, unscored: int) -> "TaskSuccess":
        """With its interval."""
        rate = SuccessRate(successes=successes, episodes=episodes)
        return cls(
            task=task,
            successes=successes,
            episodes=episodes,
            rate=rate.rate,
            lower=rate.lower,
            upper=rate.upper,
            errors=errors,
            unscored=unscored,
        )


def recorded(tasks: Mapping[str, Mapping[str, Any]] | None) -> list[TaskSuccess]:
    """Of what a stage recorded, by task; with its intervals, which the errors of labelers may have widened."""
    return [TaskSuccess.model_validate({**result, "task": task}) for task, result in sorted((tasks or {}).items())]
