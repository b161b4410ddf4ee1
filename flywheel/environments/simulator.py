"""What the suites on MuJoCo share: the digest of a state, the check that it is sane, and pictures of it."""

import hashlib
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from flywheel.core.errors import EnvironmentFailure

Frame = NDArray[np.uint8]
"""[H, W, 3], red, green and blue."""

FRAME_PIXELS = 240
"""Height and width of a frame."""

_UNSTABLE = (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)


@dataclass(frozen=True, kw_only=True)
class View:
    """Where a task is looked at from."""

    look_at: tuple[float, float, float]
    """m."""
    distance: float
    """m."""
    azimuth: float
    """Degrees about the vertical axis; 90 looks along +y."""
    elevation: float
    """Degrees; negative looks down."""


class Camera:
    """Takes pictures of a simulation, right side up. Needs MUJOCO_GL to name a working backend, such as egl."""

    def __init__(self, model: mujoco.MjModel, view: View) -> None:
        self._renderer = mujoco.Renderer(model, FRAME_PIXELS, FRAME_PIXELS)
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:] = view.look_at
        self._camera.distance = view.distance
        self._camera.azimuth = view.azimuth
        self._camera.elevation = view.elevation

    def frame(self, data: mujoco.MjData) -> Frame:
        """What the simulation looks like now."""
        self._renderer.update_scene(data, self._camera)
        return np.array(self._renderer.render(), np.uint8)

    def close(self) -> None:
        self._renderer.close()


def digest(model: mujoco.MjModel, data: mujoco.MjData, goal: NDArray[np.float64]) -> str:
    """sha256 of the whole state: the simulator's, the placed bodies (some tasks move them in the model), the goal."""
    state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    parts = (state, model.body_pos, model.body_quat, goal)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def refuse_unstable(data: mujoco.MjData) -> None:
    """EnvironmentFailure: the simulation diverged, and MuJoCo silently put everything back to its default place."""
    if any(data.warning[kind].number for kind in _UNSTABLE):
        raise EnvironmentFailure(f"the simulation became unstable at {data.time:.3f} s")
