import subprocess
import sys

import pytest
from builders import make_episode
from runs import CONFIG, TASKS

from flywheel.filming.studio import Shot, Studio

SUITE = CONFIG["suites"][0]
SHOT = Shot(episode=make_episode(task=TASKS[0]), caption=None)


def test_without_a_way_to_render_it_is_said_what_each_backend_raised():
    (footage,) = Studio(backends=["none-such"]).take([SHOT], suite=SUITE)
    assert (footage.data, footage.outcome) == (None, None)
    assert footage.problem.startswith("none-such: ")
    assert "MUJOCO_GL" in footage.problem
    (footage,) = Studio(backends=[]).take([SHOT], suite=SUITE)
    assert footage.problem == "no backend to render with"


def test_a_process_that_takes_too_long_is_ended():
    (footage,) = Studio(backends=["none-such"], timeout_s=0.01).take([SHOT], suite=SUITE)
    assert footage.problem == "none-such: not done after 0 s"


def test_a_projector_leaves_with_who_started_it(tmp_path):
    """Without a request it would end otherwise."""
    projector = [sys.executable, "-m", "flywheel.filming.projector", str(tmp_path)]
    ended = subprocess.run(projector, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode != 0
    assert not (tmp_path / "0.json").exists()


@pytest.mark.parametrize("shots", [[], [SHOT, SHOT]])
def test_each_shot_has_its_footage(shots):
    assert len(Studio(backends=[]).take(shots, suite=SUITE)) == len(shots)
