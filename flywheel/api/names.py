"""Names in paths and bodies."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

_NAME: Any = {"min_length": 1, "max_length": 100, "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*$"}
"""Of what people name; it is a part of paths and of keys in the store."""

NewName = Annotated[str, Field(description="Of your choice; a part of its path", examples=["nightly"], **_NAME)]
ScheduleName = Annotated[str, Path(description="The schedule's name", examples=["nightly"], **_NAME)]
TokenName = Annotated[str, Path(description="The token's name", examples=["alice"], **_NAME)]
WebhookName = Annotated[str, Path(description="The webhook's name", examples=["chat"], **_NAME)]
PolicyId = Annotated[str, Path(description="The policy version's id", examples=["policy-0003"], **_NAME)]
CampaignNumber = Annotated[int, Path(ge=1, le=10**9, description="The campaign's number", examples=[1])]
DeploymentNumber = Annotated[int, Path(ge=0, le=10**9, description="The deployment's number", examples=[2])]
