"""Which episodes later iterations no longer need, and what garbage collection must keep."""

from typing import Annotated

from pydantic import Field

from flywheel.config.section import Section
from flywheel.core.episode import Outcome, Source


class RetentionRule(Section):
    """Which episodes it is about, and how long they stay. What is left empty fits every episode."""

    outcomes: tuple[Outcome, ...] = ()
    tasks: tuple[str, ...] = ()
    """As in reports: suite/task."""
    sources: tuple[Source, ...] = ()
    max_age_iterations: Annotated[int, Field(ge=1)] | None
    """Episodes made more than this many iterations before the newest are left out; null: they stay for ever."""


class RetentionConfig(Section):
    """Applied by `flywheel data retain` and `flywheel data gc`, never by a run."""

    rules: tuple[RetentionRule, ...] = ()
    """Tried in order: the first that fits an episode decides. One that none fits stays."""
    rollback_versions: Annotated[int, Field(ge=0)] = 2
    """Policy versions that were live before the live one and whose data garbage collection keeps."""
    max_log_age_iterations: Annotated[int, Field(ge=1)] | None = None
    """Logs of iterations more than this many before the newest are garbage; null: they stay for ever."""
    grace_hours: Annotated[float, Field(ge=0.0)] = 168.0
    """Files younger than this are never garbage: a process may be about to commit them."""
    video_days: Annotated[float, Field(gt=0.0)] | None = None
    """Videos older than this are garbage; null: they stay as long as their episode. Each can be made again."""
