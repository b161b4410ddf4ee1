"""The Python client of a running service. Knows the API's addresses and answers, and nothing of what is behind it."""

from flywheel.client.campaigns import Campaign, CampaignIteration, PlannedCampaign
from flywheel.client.deployments import Deployment
from flywheel.client.entries import Entry
from flywheel.client.flywheel import Flywheel
from flywheel.client.iterations import Iteration, PlannedIteration, Progress
from flywheel.client.schedules import Schedule
from flywheel.client.tokens import NewToken, Token, WhoAmI
from flywheel.client.webhooks import Delivery, Webhook
from flywheel.core.access import Scope
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.control import IterationState
from flywheel.core.schedule import Trigger

__all__ = [
    "Campaign",
    "CampaignIteration",
    "CampaignState",
    "Delivery",
    "Deployment",
    "Entry",
    "Flywheel",
    "Goal",
    "Iteration",
    "IterationState",
    "NewToken",
    "PlannedCampaign",
    "PlannedIteration",
    "Progress",
    "Schedule",
    "Scope",
    "Token",
    "Trigger",
    "Webhook",
    "WhoAmI",
]
