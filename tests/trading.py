"""A task whose body is that of the factories' random episodes, and what an exchange must keep of them."""

from dataclasses import replace
from typing import Any

from factories import content, random_episode

from flywheel.core.contract import Body, Modality
from flywheel.core.episode import Episode
from flywheel.core.task import Task, Within
from flywheel.exchange.admission import Admission
from flywheel.exchange.formats import Dataset

REACH = "suite/reach"
BODY = Body(
    modalities={"tool": Modality(width=3), "gripper": Modality(width=1)},
    differences={},
    action_size=4,
    decision_s=0.025,
)
RULE = Within(point="tool", target="target", radius_m=1.0)
TASKS = {
    REACH: Task(name=REACH, scene="table", instruction="reach for it", rule=RULE),
    "suite/push": Task(name="suite/push", scene="table", instruction="push it", rule=RULE),
}


def varied_episodes() -> list[Episode]:
    """A failure, a success that ended its episode, an unscored one, one of a single decision."""
    return [
        random_episode(0),
        random_episode(1, num_decisions=7, terminated=True, truncated=False),
        random_episode(2, scored=False, successes=random_episode(2).successes & False),
        random_episode(3, num_decisions=1, behaviour_policy="demonstrator"),
    ]


def admission(**changes: Any) -> Admission:
    values: dict[str, Any] = {"tasks": TASKS, "body_of": lambda task: BODY, "iteration": 3}
    return Admission(**(values | changes))


def dataset(file_format: str) -> Dataset:
    return Dataset(task=REACH, instruction="reach for it", file_format=file_format)


def kept(episode: Episode) -> Any:
    """Everything but what an import gives anew: id, source, iteration and whose policy it was."""
    same = replace(episode, episode_id="", source="upload", iteration=0)
    return content(replace(same, behaviour_policy=episode.behaviour_policy.removeprefix("upload:")))
