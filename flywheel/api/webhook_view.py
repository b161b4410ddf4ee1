"""A webhook as the API takes and shows it, and how it went to tell it."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl

from flywheel.api.names import NewName
from flywheel.core.delivery import DeliveryState
from flywheel.core.entry import Action, Entry
from flywheel.core.webhook import TOLD


def _told(actions: list[Action]) -> list[Action]:
    untold = [str(action) for action in actions if action not in TOLD]
    if untold:
        raise ValueError(f"nobody is told of {', '.join(untold)}; of these: {', '.join(TOLD)}")
    return sorted(set(actions))


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("may not hold a user or a password: everybody who reads may see it")
    return url


class WebhookRequest(BaseModel):
    """Whom to tell, and of what."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[NewName, Field(description="Of your choice; a part of its path", examples=["chat"])]
    url: Annotated[
        HttpUrl,
        AfterValidator(_without_credentials),
        Field(
            max_length=2000,
            description="Where it is told, http or https",
            examples=["https://ops.example.com/hook"],
        ),
    ]
    actions: Annotated[
        list[Action],
        AfterValidator(_told),
        Field(
            min_length=1,
            max_length=len(TOLD),
            description="What it is told of",
            examples=[["iteration.finished", "policy.promoted"]],
            json_schema_extra={"items": {"type": "string", "enum": [str(action) for action in TOLD]}},
        ),
    ]


class WebhookView(BaseModel):
    """An address outside and what it is told of."""

    model_config = ConfigDict(from_attributes=True)

    name: Annotated[str, Field(description="Its name", examples=["chat"])]
    url: Annotated[str, Field(description="Where it is told", examples=["https://ops.example.com/hook"])]
    actions: Annotated[list[Action], Field(description="What it is told of", examples=[["policy.promoted"]])]
    created_by: Annotated[str, Field(description="Who made it", examples=["token:admin"])]
    created_at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    since: Annotated[int, Field(description="Entries of the history after this one are told", examples=[17])]

    @classmethod
    def of(cls, created: Entry) -> Self:
        """As it was when it was made: a request that is repeated gets the same answer."""
        return cls(
            name=created.subject_name,
            url=created.details["url"],
            actions=created.details["actions"],
            created_by=created.by,
            created_at=created.at,
            since=created.number,
        )


class CreatedWebhook(WebhookView):
    """A webhook and the secret that its deliveries are signed with."""

    signing_secret: Annotated[
        str,
        Field(
            description="Key of the HMAC-SHA256 in `Flywheel-Signature`; shown here only",
            examples=["fwh_0c3f..."],
        ),
    ]


class DeliveryView(BaseModel):
    """How it went to tell a webhook of an entry."""

    model_config = ConfigDict(from_attributes=True)

    entry: Annotated[int, Field(description="The number of the entry in the history", examples=[17])]
    state: Annotated[DeliveryState, Field(description="How it ended", examples=["delivered"])]
    attempts: Annotated[int, Field(description="How often it was tried", examples=[1])]
    status: Annotated[
        int | None, Field(description="HTTP status of the last answer; null: nobody answered", examples=[204])
    ]
    problem: Annotated[str, Field(description="Why the last attempt failed; empty: it did not", examples=[""])]
    at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:01.000Z"])]
