"""A campaign as the API takes and shows it."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flywheel.config import Overrides
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.commands.campaigns import campaign
from flywheel.core.control import Control, IterationState
from flywheel.core.entry import Entry

Target = Annotated[
    float | None,
    Field(gt=0, le=1, description="Mean success rate of the live version; null: no target", examples=[0.95]),
]
Plateau = Annotated[
    int | None,
    Field(ge=1, le=10**6, description="Iterations in a row without a promotion; null: any number", examples=[3]),
]
Iterations = Annotated[
    int | None, Field(ge=1, le=10**6, description="Iterations at most; null: no limit", examples=[10])
]
Episodes = Annotated[
    int | None,
    Field(ge=1, le=10**12, description="Episodes collected and evaluated at most; null: no limit", examples=[20000]),
]
Hours = Annotated[
    float | None, Field(gt=0, le=10**6, description="Hours since it was asked for; null: no limit", examples=[24.0])
]


class GoalView(BaseModel):
    """When a campaign is over; the first that holds decides. At least one is set."""

    model_config = ConfigDict(
        from_attributes=True, extra="forbid", allow_inf_nan=False, json_schema_extra={"minProperties": 1}
    )

    until: Target = None
    plateau: Plateau = None
    max_iterations: Iterations = None
    max_episodes: Episodes = None
    max_hours: Hours = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if all(value is None for value in self.model_dump().values()):
            raise ValueError("a campaign needs an end: until, plateau, max_iterations, max_episodes or max_hours")
        return self

    @property
    def plain(self) -> Goal:
        """As the core has it."""
        return Goal(**self.model_dump())


class CampaignRequest(BaseModel):
    """What a campaign is for, and what its iterations should be like."""

    model_config = ConfigDict(extra="forbid")

    goal: Annotated[GoalView, Field(description="When it is over", examples=[{"until": 0.95, "max_iterations": 10}])]
    overrides: Annotated[
        Overrides,
        Field(description="Settings of each of its iterations", examples=[{"collect": {"episodes_per_task": 100}}]),
    ] = Overrides()


class PlannedCampaign(BaseModel):
    """What would be done. Nothing was started."""

    number: Annotated[int, Field(description="The number that it would get", examples=[1])]
    settings: Annotated[
        dict[str, object], Field(description="The whole configuration of its iterations", examples=[{"seed": 0}])
    ]


class CampaignView(BaseModel):
    """Iterations until a goal is reached."""

    model_config = ConfigDict(from_attributes=True)

    number: Annotated[int, Field(description="Counts from 1", examples=[1])]
    state: Annotated[
        CampaignState, Field(description="Where it stands; all but active and paused are final", examples=["active"])
    ]
    goal: Annotated[GoalView, Field(description="When it is over", examples=[{"until": 0.95}])]
    overrides: Annotated[Overrides, Field(description="Settings of each of its iterations", examples=[{}])]
    num_iterations: Annotated[int, Field(description="Asked for so far, whatever became of them", examples=[4])] = 0
    requested_by: Annotated[str, Field(description="Who asked for it", examples=["token:alice"])]
    requested_at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    finished_at: Annotated[str | None, Field(description="RFC 3339; null: not yet", examples=[None])]
    reason: Annotated[str, Field(description="Why it ended", examples=["no promotion in 3 iterations"])]

    @classmethod
    def of(cls, requested: Entry) -> "CampaignView":
        """As it was when it was asked for: a request that is repeated gets the same answer."""
        return cls(
            number=requested.subject_number,
            state=CampaignState.ACTIVE,
            goal=GoalView(**requested.details["goal"]),
            overrides=Overrides(**requested.details["overrides"]),
            requested_by=requested.by,
            requested_at=requested.at,
            finished_at=None,
            reason="",
        )


class CampaignIteration(BaseModel):
    """One of a campaign's iterations."""

    model_config = ConfigDict(from_attributes=True)

    number: Annotated[int, Field(description="The iteration's number", examples=[3])]
    state: Annotated[IterationState, Field(description="Where it stands", examples=["succeeded"])]
    reason: Annotated[str, Field(description="Why it ended as it did", examples=["mean success 0.98 against 0.95"])]


class CampaignDetail(CampaignView):
    """A campaign and its iterations."""

    iterations: Annotated[list[CampaignIteration], Field(description="In their order")]


def shown(control: Control, found: object) -> CampaignView:
    """With the number of its iterations."""
    view = CampaignView.model_validate(found)
    count = sum(status.campaign == view.number for status in control.iterations.values())
    return view.model_copy(update={"num_iterations": count})


def detailed(control: Control, number: int) -> CampaignDetail:
    """UnknownError: there is none with this number."""
    view = shown(control, campaign(control, number))
    mine = [status for _, status in sorted(control.iterations.items()) if status.campaign == number]
    iterations = [CampaignIteration.model_validate(status) for status in mine]
    return CampaignDetail(
        **view.model_dump(exclude={"goal", "overrides"}),
        goal=view.goal,
        overrides=view.overrides,
        iterations=iterations,
    )
