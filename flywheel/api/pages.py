"""Pages: a part of a long list, and where the next one begins."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from flywheel.api.problems import RequestRefusedError

Item = TypeVar("Item")
Shown = TypeVar("Shown")

PageSize = Annotated[int, Query(ge=1, le=500, description="Items on a page, at most", examples=[50])]
PageToken = Annotated[
    str | None,
    Query(min_length=1, max_length=1024, description="`next_page_token` of the page before", examples=["Mw=="]),
]


class Page(BaseModel, Generic[Shown]):
    """A part of a list. Items that come while one reads do not shift the rest."""

    items: Annotated[list[Shown], Field(description="In the order of the list")]
    next_page_token: Annotated[
        str | None,
        Field(description="Ask with it for the page after this one; null: this is the last", examples=["Mw=="]),
    ]


def page(
    items: Sequence[Item], *, size: int, token: str | None, key: Callable[[Item], str], show: Callable[[Item], Shown]
) -> Page[Shown]:
    """The items after the token. `key` names an item for good; items are in the order in which they are shown."""
    start = 0
    if token is not None:
        last = decoded(token)
        place = next((place for place, item in enumerate(items) if key(item) == last), None)
        if place is None:
            raise RequestRefusedError(400, "page_token: not one that this list gave")
        start = place + 1
    shown = items[start : start + size]
    more = start + size < len(items)
    return Page(
        items=[show(item) for item in shown], next_page_token=encoded(key(shown[-1])) if more and shown else None
    )


def encoded(key: str) -> str:
    """A page token."""
    return urlsafe_b64encode(key.encode()).decode()


def decoded(token: str) -> str:
    """What was encoded. 400: it is no page token."""
    try:
        return b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (Error, ValueError) as failure:
        raise RequestRefusedError(400, "page_token: not one that this list gave") from failure
