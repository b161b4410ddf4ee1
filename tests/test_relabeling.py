import numpy as np
import pytest
from builders import make_episode
from fakes import MemoryEpisodes, MemoryLabels

from flywheel.core.errors import NotFoundError
from flywheel.core.task import Recorded, Task, Within
from flywheel.workers.relabeling import relabel_episodes


def near(name, target, *, scene="table"):
    return Task(name=name, scene=scene, instruction="", rule=Within(point="tool", target=target, radius_m=0.5))


TASKS = {
    task.name: task
    for task in (
        near("suite/reach", "here"),
        near("suite/push", "there"),
        near("suite/fetch", "here", scene="kitchen"),
        Task(name="suite/turn", scene="table", instruction="", rule=Recorded()),
    )
}


def place(x):
    """The same for 2 decisions of one environment step."""
    return np.full((2, 1, 3), x, np.float32)


def episode_of(name, **changes):
    """The tool comes to `there` at the second decision and never to `here`."""
    tool = place(5.0)
    tool[1] = 1.0
    facts = {"tool": tool, "here": place(0.0), "there": place(1.0)}
    return make_episode(num_decisions=2, episode_id=name, **({"facts": facts} | changes))


def relabelled(some, *, ids=None):
    episodes, labels = MemoryEpisodes(), MemoryLabels()
    version = episodes.commit([episodes.write(some)], transaction="made")
    part = relabel_episodes(
        [episode.episode_id for episode in some] if ids is None else ids,
        tasks=TASKS,
        episodes=episodes,
        episodes_version=version,
        labels=labels,
    )
    assert labels.committed("labelled") is None
    read = labels.read(version=labels.commit([part], transaction="labelled"))
    assert part.num_rows == sum(len(of_episode) for of_episode in read.values())
    return {name: {label.task: label for label in of_episode} for name, of_episode in read.items()}


def test_an_episode_is_labelled_for_every_task_that_can_judge_it():
    """Tasks of its scene whose rule knows other tasks' episodes, and its own."""
    labels = relabelled([episode_of("a")])["a"]
    assert labels.keys() == {"suite/reach", "suite/push"}
    assert (labels["suite/reach"].success, labels["suite/reach"].rewards.tolist()) == (False, [0.0, 0.0])
    assert (labels["suite/push"].success, labels["suite/push"].rewards.tolist()) == (True, [0.0, 1.0])


def test_a_task_that_only_knows_what_was_recorded_judges_its_own_episodes():
    labels = relabelled([episode_of("a", task="suite/turn", successes=np.array([True, False]))])["a"]
    assert labels.keys() == {"suite/reach", "suite/push", "suite/turn"}
    assert (labels["suite/turn"].success, labels["suite/turn"].rewards.tolist()) == (True, [1.0])


def test_a_task_of_another_scene_does_not_judge():
    labels = relabelled([episode_of("a", task="suite/fetch", scene="kitchen")])["a"]
    assert labels.keys() == {"suite/fetch"}


def test_crashed_episodes_get_no_labels():
    crashed = episode_of("crashed", error="it broke", truncated=False)
    assert relabelled([crashed, episode_of("sound")]).keys() == {"sound"}


def test_nothing_but_crashed_episodes_gives_an_empty_part():
    assert relabelled([episode_of("crashed", error="it broke", truncated=False)]) == {}


def test_only_the_episodes_asked_for_are_labelled():
    assert relabelled([episode_of("a"), episode_of("b")], ids=["b"]).keys() == {"b"}


def test_an_episode_that_the_version_does_not_hold_is_refused():
    with pytest.raises(NotFoundError, match="missing"):
        relabelled([episode_of("a")], ids=["a", "missing"])


def test_the_same_episodes_give_the_same_part():
    episodes = MemoryEpisodes()
    version = episodes.commit([episodes.write([episode_of("a"), episode_of("b")])], transaction="made")
    parts = [
        relabel_episodes(ids, tasks=TASKS, episodes=episodes, episodes_version=version, labels=MemoryLabels())
        for ids in (["a", "b"], ["b", "a"])
    ]
    assert parts[0] == parts[1]
