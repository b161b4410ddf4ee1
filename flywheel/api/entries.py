"""Entries of the chronicle as the API shows them: the audit."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.core.entry import Action

router = APIRouter(tags=["audit"], route_class=Route)


HIDDEN = frozenset({"digest", "url"})
"""Of an entry's details: of tokens, and of webhooks, whose addresses may hold keys. Administrators see them there."""


def _without_hidden(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name not in HIDDEN}


class EntryView(BaseModel):
    """Who did what, when, before and after."""

    model_config = ConfigDict(from_attributes=True)

    number: Annotated[int, Field(description="Place in the history, from 0 without gaps", examples=[17])]
    at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    by: Annotated[
        str,
        Field(
            description="token:, oidc:, schedule:, campaign:, gate, supervisor, command line", examples=["token:alice"]
        ),
    ]
    action: Annotated[Action, Field(description="What was done", examples=["policy.promoted"])]
    subject: Annotated[str, Field(description="To what; a path under /v1", examples=["policies/policy-0003"])]
    reason: Annotated[str, Field(description="In words", examples=["mean success 0.98 against 0.95"])]
    before: Annotated[str | None, Field(description="State or live version before", examples=["policy-0002"])]
    after: Annotated[str | None, Field(description="State or live version after", examples=["policy-0003"])]
    details: Annotated[
        dict[str, Any],
        AfterValidator(_without_hidden),
        Field(description="What else belongs to the action", examples=[{"iteration": 3}]),
    ]


@router.get("/audit", responses=documented(400))
def list_entries(
    plane: Desk,
    who: Reader,
    by: Annotated[str | None, Query(description="Only what this one did", examples=["token:alice"])] = None,
    action: Annotated[Action | None, Query(description="Only this", examples=["policy.promoted"])] = None,
    subject: Annotated[str | None, Query(description="Only to this", examples=["iterations/3"])] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[EntryView]:
    """Everything that was asked for and decided, the newest first."""
    chosen = [
        entry
        for entry in reversed(plane.chronicle.control().entries)
        if by in (None, entry.by) and action in (None, entry.action) and subject in (None, entry.subject)
    ]
    return page(
        chosen, size=page_size, token=page_token, key=lambda one: str(one.number), show=EntryView.model_validate
    )
