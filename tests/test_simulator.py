import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from flywheel.core.errors import EnvironmentFailure
from flywheel.environments.simulator import digest, refuse_unstable

MODEL = """
<mujoco><worldbody><light pos="0 0 4"/>
  <geom type="plane" size="2 2 0.1" rgba="0 1 0 1"/>
  <body pos="0 0 1"><freejoint/><geom type="sphere" size="0.2" rgba="1 0 0 1"/></body>
</worldbody></mujoco>
"""

PICTURES = f"""
import sys
try:
    import mujoco
except (AttributeError, ImportError) as failure:  # That is how a missing EGL shows.
    sys.exit(f"cannot render: {{failure}}")
import numpy as np
from flywheel.core.errors import ConfigError
from flywheel.environments.simulator import Camera, View

def make():
    model = mujoco.MjModel.from_xml_string({MODEL!r})
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data, Camera(model, View(look_at=(0, 0, 0.6), distance=3, azimuth=90, elevation=-10))

try:
    _, first_data, first = make()
except ConfigError as failure:
    sys.exit(f"cannot render: {{failure}}")
_, second_data, second = make()
before = second.frame(second_data)
assert before.shape == (480, 480, 3) and before.dtype == np.uint8
assert (first.frame(first_data) == before).all()
first.close()
assert (second.frame(second_data) == before).all(), "closing one camera changed what another sees"
red, green = before[..., 0].astype(int), before[..., 1].astype(int)
ball = np.argwhere(red > green + 50)[:, 0].mean()
floor = np.argwhere(green > red + 50)[:, 0].mean()
assert ball < floor, "upside down"
second.close()
"""


def simulation():
    model = mujoco.MjModel.from_xml_string(MODEL)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def test_pictures_are_right_side_up_and_do_not_disturb_one_another():
    run = subprocess.run(
        [sys.executable, "-c", PICTURES],
        env={**os.environ, "MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "egl"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot render" in run.stderr:
        pytest.skip("this machine cannot render")
    assert run.returncode == 0, run.stderr


def test_the_digest_tells_states_goals_and_placed_bodies_apart():
    model, data = simulation()
    goal = np.zeros(3)
    digests = [digest(model, data, goal), digest(model, data, goal + 1)]
    data.qpos[0] += 1e-12
    digests.append(digest(model, data, goal))
    data.qpos[0] = 0
    model.body_pos[1, 0] += 0.1
    digests.append(digest(model, data, goal))
    assert len(set(digests)) == 4
    model.body_pos[1, 0] = 0
    assert digest(model, data, goal) == digests[0]


def test_a_diverged_simulation_is_an_error():
    model, data = simulation()
    refuse_unstable(data)
    data.qpos[0] = np.nan
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        mujoco.mj_step(model, data)
    finally:
        mujoco.set_mju_user_warning(None)
    assert np.isfinite(data.qpos).all()  # MuJoCo has put it back
    with pytest.raises(EnvironmentFailure, match="unstable"):
        refuse_unstable(data)
