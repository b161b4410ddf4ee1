"""The Python client of a running service. Knows the API's addresses and answers, and nothing of what is behind it."""

from flywheel.client.flywheel import Flywheel
from flywheel.client.views import Entry, Iteration, PlannedIteration, Progress
from flywheel.core.control import IterationState

__all__ = ["Entry", "Flywheel", "Iteration", "IterationState", "PlannedIteration", "Progress"]
