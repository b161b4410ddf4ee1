"""ETags: which state of a resource was seen, so that nobody changes what has changed since."""

import json
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel

from flywheel.api.problems import RequestRefusedError

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=255,
        description="ETag of the resource as it was seen: 412 if it has changed since",
        examples=['"0c7d2ab1f5e04c19a2b84d1c6f3e9a70"'],
    ),
]


def tag_of(plain: Any) -> str:
    """Of plain JSON values: equal values have equal tags, whatever wrote them."""
    return f'"{sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]}"'


def has(header: str, tag: str) -> bool:
    """Whether a list of ETags names this one."""
    named = {one.strip().removeprefix("W/") for one in header.split(",")}
    return tag in named or "*" in named


def check_match(header: str | None, current: BaseModel) -> None:
    """412: who asks saw another state than the current one."""
    if header is not None and not has(header, tag_of(current.model_dump(mode="json"))):
        raise RequestRefusedError(412, "it has changed since you saw it: get it again, and decide again")
