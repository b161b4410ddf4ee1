"""The Python client of a running service. Knows the API's addresses and answers, and nothing of what is behind it."""

from flywheel.client.campaigns import Campaign, CampaignIteration, PlannedCampaign
from flywheel.client.datasets import Change, Dataset, DatasetDifference
from flywheel.client.deployments import Deployment
from flywheel.client.entries import Entry
from flywheel.client.episodes import Episode, EpisodeDetail, EpisodeLineage, Filming, Label
from flywheel.client.flywheel import Flywheel, ServiceConfig
from flywheel.client.iterations import Iteration, Pair, PlannedIteration, Progress
from flywheel.client.policies import EpisodesUsed, Gate, LabelsUsed, Policy, PolicyLineage, Retirement, TaskSuccess
from flywheel.client.schedules import Schedule
from flywheel.client.tasks import SuccessRate, Task
from flywheel.client.tokens import NewToken, Token, WhoAmI
from flywheel.client.webhooks import Delivery, Webhook
from flywheel.core.access import Scope
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.control import IterationState
from flywheel.core.log_line import Level, LogLine
from flywheel.core.schedule import Trigger

__all__ = [
    "Campaign",
    "CampaignIteration",
    "CampaignState",
    "Change",
    "Dataset",
    "DatasetDifference",
    "Delivery",
    "Deployment",
    "Entry",
    "Episode",
    "EpisodeDetail",
    "EpisodeLineage",
    "EpisodesUsed",
    "Filming",
    "Flywheel",
    "Gate",
    "Goal",
    "Iteration",
    "IterationState",
    "Label",
    "LabelsUsed",
    "Level",
    "LogLine",
    "NewToken",
    "Pair",
    "PlannedCampaign",
    "PlannedIteration",
    "Policy",
    "PolicyLineage",
    "Progress",
    "Retirement",
    "Schedule",
    "Scope",
    "ServiceConfig",
    "SuccessRate",
    "Task",
    "TaskSuccess",
    "Token",
    "Trigger",
    "Webhook",
    "WhoAmI",
]
