from io import BytesIO

import numpy as np
import pytest
from builders import make_episode
from fakes import MemoryEpisodes
from PIL import Image
from runs import CONFIG, TASKS, finished_run

from flywheel.config import MetaworldSuite
from flywheel.core.episode import Source
from flywheel.environments.suites import make
from flywheel.filming.strip import FRAME_HEIGHT
from flywheel.filming.studio import Studio
from flywheel.report.film import choose, film_strips
from flywheel.report.results import build_report

REACH = TASKS[0]
SUITE = CONFIG["suites"][0]


def episode(name, *, success_at=None, policy="policy-0002", source=Source.FINAL, iteration=2, **changes):
    successes = np.zeros(3, np.bool_)
    if success_at is not None:
        successes[success_at] = True
    return make_episode(
        episode_id=name,
        task=REACH,
        source=source,
        iteration=iteration,
        behaviour_policy=policy,
        successes=successes,
        **({"actions": np.zeros((3, 4), np.float32)} | changes),
    )


def table_of(*episodes):
    table = MemoryEpisodes()
    table.commit([table.write(episodes)], transaction="all")
    return table


def chosen(*episodes):
    scenes = choose(table_of(*episodes), policy_version="policy-0002", tasks=[REACH])
    return [scene.episode.episode_id for scene in scenes]


def test_the_success_with_the_median_time_and_a_failure_are_chosen():
    slow, middle, fast = (episode(f"s{at}", success_at=at) for at in (2, 1, 0))
    assert chosen(slow, middle, fast, episode("f")) == ["s1", "f"]


def test_final_episodes_come_before_evaluations():
    evaluated = episode("a", source=Source.EVALUATION)
    assert chosen(evaluated, episode("b")) == ["b"]


def test_a_version_without_a_failure_shows_its_evaluation_then_the_newest_other_one():
    success = episode("s", success_at=1)
    evaluated = episode("evaluated", source=Source.EVALUATION)
    newer = episode("newer", policy="policy-0001", iteration=1, source=Source.EVALUATION)
    older = episode("older", policy="policy-0000", iteration=0, source=Source.EVALUATION)
    assert chosen(success, older, newer, evaluated) == ["s", "evaluated"]
    assert chosen(success, older, newer) == ["s", "newer"]


def test_demonstrations_and_crashes_are_not_shown():
    crashed = episode("crashed", error="raised", truncated=False)
    assert chosen(crashed, episode("shown by whom", source=Source.DEMONSTRATION)) == []


def test_failures_that_end_alike_are_shown_by_one_that_says_how_many_they_are():
    away = np.outer(np.arange(4), [1.0, -2.0]).astype(np.float32)
    moved = [episode(f"moved-{index}", observations={"x": away * (1 + 0.01 * index)}) for index in range(5)]
    stayed = [episode(f"stayed-{index}", observations={"x": away * 0.01 * index}) for index in range(3)]
    scenes = choose(table_of(*moved, *stayed), policy_version="policy-0002", tasks=[REACH])
    assert [scene.stands_for for scene in scenes] == [
        "5 of 8 failures end like this",
        "3 of 8 failures end like this",
    ]
    assert [scene.episode.episode_id.split("-")[0] for scene in scenes] == ["moved", "stayed"]


def test_without_a_way_to_render_there_is_a_sentence_instead_of_strips():
    report = build_report(finished_run(), CONFIG)
    strips, note = film_strips(
        report, table_of(episode("f")), suites={REACH: SUITE}, studio=Studio(backends=["none-such"])
    )
    assert strips == []
    assert note.startswith("This machine cannot render the episodes (none-such: ")
    assert "MUJOCO_GL" in note


def test_without_evaluated_episodes_there_is_a_sentence():
    demonstrated = episode("d", source=Source.DEMONSTRATION)
    report = build_report(finished_run(), CONFIG)
    assert film_strips(report, table_of(demonstrated), suites={REACH: SUITE}, studio=Studio()) == (
        [],
        "There are no evaluated episodes to show yet.",
    )


@pytest.fixture(scope="module")
def real_strips():
    """Reach with the hand at rest: it fails, which one of the two records denies."""
    suite = MetaworldSuite.model_validate(SUITE)
    environment = make(suite, "reach-v3")
    environment.reset(7)
    assert not any(environment.step(action).success for action in np.zeros((3, 4), np.float32))
    environment.close()
    table = table_of(episode("honest"), episode("denying", success_at=1))
    strips, note = film_strips(build_report(finished_run(), CONFIG), table, suites={REACH: SUITE}, studio=Studio())
    if note is not None:
        pytest.skip(note)
    return strips


def test_real_episodes_become_pictures(real_strips):
    assert [strip.success for strip in real_strips] == [True, False]
    with Image.open(BytesIO(real_strips[1].image)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[0] == FRAME_HEIGHT
    assert pixels[:, :FRAME_HEIGHT].std() > 10


def test_a_replay_that_ends_otherwise_than_the_record_is_said_to(real_strips):
    denying, honest = real_strips
    assert denying.caption.endswith("the replay ended otherwise than the record says")
    assert "otherwise" not in honest.caption
