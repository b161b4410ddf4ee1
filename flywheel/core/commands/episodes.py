"""Commands on episodes. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Mapping

from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft


def report_failing(
    control: Control, iteration: int, stage: str, *, by: str, errors: Mapping[str, int], episodes: int, allowed: float
) -> Draft | None:
    """More of a stage's episodes ended by an error than are `allowed`, a share. `errors`: of each task.

    None: that was said of this stage already.
    """
    subject, failed = f"iterations/{iteration}", sum(errors.values())
    for entry in control.entries:
        if (entry.action, entry.subject) == (Action.EPISODES_FAILING, subject) and entry.details["stage"] == stage:
            return None
    worst = max(errors, key=lambda task: errors[task])
    return Draft(
        action=Action.EPISODES_FAILING,
        subject=subject,
        by=by,
        reason=f"{failed} of {episodes} episodes of {stage} ended by an error, more than {allowed:.0%}; "
        f"most on {worst}: {errors[worst]}",
        details={"stage": stage, "episodes": episodes, "errors": dict(errors)},
    )
