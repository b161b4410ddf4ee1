"""Tasks: what should be achieved, and how well the live version does."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.successes import TaskSuccess, recorded
from flywheel.api.turns import recorded_by
from flywheel.core.errors import UnknownError
from flywheel.core.iteration import Stage, record_key
from flywheel.core.task import Task
from flywheel.environments import suites

router = APIRouter(tags=["tasks"], route_class=Route)
MOST_EVALUATIONS = 50
"""That are looked through for one of the live version."""
Suite = Annotated[str, Path(max_length=100, description="The task's suite", examples=["metaworld"])]
Name = Annotated[str, Path(max_length=200, description="Its name in the suite", examples=["reach-v3"])]


class TaskView(BaseModel):
    """What should be achieved."""

    name: Annotated[str, Field(description="Suite and name", examples=["metaworld/reach-v3"])]
    instruction: Annotated[str, Field(description="In words", examples=["reach the goal position"])]
    scene: Annotated[
        str, Field(description="Tasks of one scene can judge one another's episodes", examples=["metaworld"])
    ]
    labeler: Annotated[str, Field(description="Who judges its episodes", examples=["within"])]
    labeler_version: Annotated[int, Field(description="Its version", examples=[1])]
    live: Annotated[str | None, Field(description="The live version; null: none", examples=["policy-0003"])]
    success: Annotated[
        TaskSuccess | None, Field(description="Of the live version, in its newest evaluation; null: none")
    ]


@router.get("/tasks", responses=documented(400))
def list_tasks(plane: Desk, who: Reader, page_size: PageSize = 50, page_token: PageToken = None) -> Page[TaskView]:
    """The configuration's tasks, by name."""
    live, success = _live(plane)
    tasks = [task for _, task in sorted(suites.tasks_of(plane.config.suites).items())]
    return page(
        tasks,
        size=page_size,
        token=page_token,
        key=lambda task: task.name,
        show=lambda task: _shown(task, live, success.get(task.name)),
    )


@router.get("/tasks/{suite}/{name}", responses=documented(404))
def get_task(suite: Suite, name: Name, plane: Desk, who: Reader) -> TaskView:
    """One task."""
    tasks = suites.tasks_of(plane.config.suites)
    full = f"{suite}/{name}"
    if full not in tasks:
        raise UnknownError(f"there is no task {full}; there are {', '.join(sorted(tasks))}")
    live, success = _live(plane)
    return _shown(tasks[full], live, success.get(full))


def _shown(task: Task, live: str | None, success: TaskSuccess | None) -> TaskView:
    return TaskView(
        name=task.name,
        instruction=task.instruction,
        scene=task.scene,
        labeler=task.rule.labeler,
        labeler_version=task.rule.labeler_version,
        live=live,
        success=success,
    )


def _live(plane: Plane) -> tuple[str | None, Mapping[str, TaskSuccess]]:
    """The live version, and its success by task in the newest evaluation that it took part in."""
    live = plane.chronicle.control().live
    if live is None:
        return None, {}
    for number in recorded_by(plane.records, Stage.EVALUATE)[:MOST_EVALUATIONS]:
        judged = plane.records.read(record_key(number, Stage.EVALUATE)) or {}
        for who, tasks in ((judged.get("policy_id"), "tasks"), (judged.get("live"), "live_tasks")):
            if who == live:
                return live, {one.task: one for one in recorded(judged[tasks])}
    return live, {}
