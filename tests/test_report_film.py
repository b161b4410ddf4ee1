from io import BytesIO

import numpy as np
import pytest
from builders import make_episode
from fakes import MemoryEpisodes
from PIL import Image
from runs import CONFIG, TASKS, finished_run

from flywheel.config import MetaworldSuite
from flywheel.core.environment import Transition
from flywheel.core.episode import Source
from flywheel.environments.suites import make
from flywheel.report.film import choose, film_strips
from flywheel.report.filmstrip import FRAME_HEIGHT, NUM_FRAMES, film, moments, strip
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
    summaries = table_of(*episodes).summaries()
    return [some.episode_id for some in choose(summaries, policy_version="policy-0002", tasks=[REACH])]


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


def test_moments_are_spread_from_the_first_decision_to_the_last():
    assert moments(40) == [1, 8, 14, 20, 27, 34, 40]
    assert moments(3) == [1, 2, 3]
    assert moments(1) == [1]


class Counting:
    """Shows how many decisions there were; succeeds at the second."""

    def __init__(self):
        self.decisions = 0

    def reset(self, seed):
        self.decisions = seed

    def step(self, action):
        self.decisions += 1
        success = self.decisions == 2
        return Transition(observation={}, reward=0.0, success=success, terminated=False, facts={})

    def frame(self):
        return np.full((8, 8, 3), self.decisions, np.uint8)


def test_a_film_shows_its_moments_and_whether_there_was_a_success():
    frames, success = film(Counting(), seed=0, actions=np.zeros((40, 4), np.float32))
    assert [int(frame[0, 0, 0]) for frame in frames] == moments(40)
    assert success


def test_a_film_without_success_says_so():
    assert film(Counting(), seed=2, actions=np.zeros((5, 4), np.float32))[1] is False


def test_a_strip_is_a_row_of_pictures_of_one_height():
    frames = [np.full((100, 150, 3), 40 * index, np.uint8) for index in range(NUM_FRAMES)]
    with Image.open(BytesIO(strip(frames))) as picture:
        assert picture.format == "WEBP"
        assert picture.height == FRAME_HEIGHT
        # 220 pixels high: 330 wide each, and 6 between two
        assert picture.width == 7 * 330 + 6 * 6


def test_without_a_way_to_render_there_is_a_sentence_instead_of_strips():
    report = build_report(finished_run(), CONFIG)
    strips, note = film_strips(report, table_of(episode("f")), suites={REACH: SUITE}, backends=["none-such"])
    assert strips == []
    assert note.startswith("This machine cannot render the episodes (none-such: ")
    assert "MUJOCO_GL" in note


def test_without_evaluated_episodes_there_is_a_sentence():
    demonstrated = episode("d", source=Source.DEMONSTRATION)
    report = build_report(finished_run(), CONFIG)
    assert film_strips(report, table_of(demonstrated), suites={REACH: SUITE}) == (
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
    strips, note = film_strips(build_report(finished_run(), CONFIG), table, suites={REACH: SUITE})
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
