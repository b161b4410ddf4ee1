"""Reasons: bodies of requests that only say why."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=1000, description="For the history", examples=["robot 4 is broken"])] = ""


class NeededReason(BaseModel):
    """Why something is done, which must be said."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=1000, description="For the history", examples=["drops cups"])]
