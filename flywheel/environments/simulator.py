"""What the suites on MuJoCo share: the digest of a state, the check that it is sane, and pictures of it."""

import hashlib
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from flywheel.core.errors import ConfigError, EnvironmentFailure

Frame = NDArray[np.uint8]
"""[H, W, 3], red, green and blue."""

FRAME_PIXELS = 480
"""Height and width of a frame."""

_MAX_GEOMS = 10_000

_SHADOW_PIXELS = 1024
"""Side of the shadow map: the models ask for up to 4096, which costs most of a frame's time in software."""

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

    def __init__(self, model: mujoco.MjModel, view: View | None) -> None:
        """None: the model's own camera named `track`, or all of the model. ConfigError: this machine cannot render."""
        model.vis.quality.shadowsize = min(model.vis.quality.shadowsize, _SHADOW_PIXELS)
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, FRAME_PIXELS)
        model.vis.global_.offheight = max(model.vis.global_.offheight, FRAME_PIXELS)
        try:
            self._gl = mujoco.GLContext(FRAME_PIXELS, FRAME_PIXELS)
            self._gl.make_current()
            self._resources = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except (AttributeError, ImportError, RuntimeError, mujoco.FatalError) as failure:
            raise ConfigError(f"pictures: this machine cannot render, try MUJOCO_GL=egl: {failure}") from failure
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._resources)
        self._model = model
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        self._camera = _placed(model, view)

    def frame(self, data: mujoco.MjData) -> Frame:
        """What the simulation looks like now."""
        self._gl.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        option = mujoco.MjvOption()
        mujoco.mjv_updateScene(self._model, data, option, None, self._camera, everything, self._scene)
        window = mujoco.MjrRect(0, 0, FRAME_PIXELS, FRAME_PIXELS)
        mujoco.mjr_render(window, self._scene, self._resources)
        pixels = np.empty((FRAME_PIXELS, FRAME_PIXELS, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, window, self._resources)
        return np.ascontiguousarray(pixels[::-1])

    def close(self) -> None:
        # What is freed are numbers of the current context: with another one current, its pictures would be destroyed.
        self._gl.make_current()
        self._resources.free()
        self._gl.free()


def _placed(model: mujoco.MjModel, view: View | None) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    tracking = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, "track")
    if view is not None:
        camera.lookat[:] = view.look_at
        camera.distance = view.distance
        camera.azimuth = view.azimuth
        camera.elevation = view.elevation
    elif tracking >= 0:
        camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        camera.fixedcamid = tracking
    else:
        mujoco.mjv_defaultFreeCamera(model, camera)
    return camera


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
