"""A schedule as the API takes and shows it."""

from datetime import UTC, datetime
from typing import Annotated, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from flywheel.api.names import NewName
from flywheel.config import Overrides
from flywheel.core.entry import Entry
from flywheel.core.schedule import Trigger

CRON_FIELDS = 5


def _a_cron(given: str) -> str:
    try:
        if len(given.split()) != CRON_FIELDS:
            raise CronSimError(f"needs {CRON_FIELDS} fields")
        next(CronSim(given, datetime.now(UTC)))
    except (CronSimError, StopIteration) as failure:
        why = str(failure) or "it never fires"
        raise ValueError(f"not a cron expression of five fields, such as 0 3 * * *: {why}") from failure
    return given


Cron = Annotated[
    Annotated[str, Field(max_length=200), AfterValidator(_a_cron)] | None,
    Field(description="Minute, hour, day of month, month, day of week; in UTC", examples=["0 3 * * *"]),
]
NewEpisodes = Annotated[
    int | None,
    Field(ge=1, le=10**12, description="Uploaded episodes since the last iteration began, or it fired", examples=[500]),
]
SuccessBelow = Annotated[
    float | None,
    Field(
        gt=0,
        le=1,
        description="Mean success rate of the live version's newest collected episodes",
        examples=[0.9],
    ),
]


class TriggerView(BaseModel):
    """When a schedule fires: exactly one of these."""

    model_config = ConfigDict(
        from_attributes=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"minProperties": 1},
    )

    cron: Cron = None
    new_episodes: NewEpisodes = None
    success_below: SuccessBelow = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name, value in self.model_dump().items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                f"a schedule has one trigger, not {' and '.join(given) or 'none'}: "
                "give cron, new_episodes or success_below"
            )
        return self

    @property
    def plain(self) -> Trigger:
        """As the core has it."""
        return Trigger(**self.model_dump())


class ScheduleRequest(BaseModel):
    """When to ask for an iteration, and what it should be like."""

    model_config = ConfigDict(extra="forbid")

    name: NewName
    trigger: Annotated[TriggerView, Field(description="When it fires", examples=[{"cron": "0 3 * * *"}])]
    overrides: Annotated[
        Overrides,
        Field(description="Settings of its iterations", examples=[{"collect": {"episodes_per_task": 100}}]),
    ] = Overrides()


class ScheduleView(BaseModel):
    """What asks for iterations by itself."""

    model_config = ConfigDict(from_attributes=True)

    name: Annotated[str, Field(description="Its name", examples=["nightly"])]
    trigger: Annotated[TriggerView, Field(description="When it fires", examples=[{"cron": "0 3 * * *"}])]
    overrides: Annotated[Overrides, Field(description="Settings of its iterations", examples=[{}])]
    created_by: Annotated[str, Field(description="Who made it", examples=["token:alice"])]
    created_at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    fired_at: Annotated[
        str | None, Field(description="RFC 3339; null: never yet", examples=["2026-01-06T03:00:00.000Z"])
    ]
    fired_for: Annotated[
        str | None,
        Field(
            description="What it fired for last: a time, a number of episodes, an iteration",
            examples=["2026-01-06T03:00:00Z"],
        ),
    ]

    @classmethod
    def of(cls, created: Entry) -> Self:
        """As it was when it was made: a request that is repeated gets the same answer."""
        return cls(
            name=created.subject_name,
            trigger=TriggerView(**created.details["trigger"]),
            overrides=Overrides(**created.details["overrides"]),
            created_by=created.by,
            created_at=created.at,
            fired_at=None,
            fired_for=None,
        )
