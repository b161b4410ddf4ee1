"""PolicyServer: answers requests with one policy version. Plain; Ray Serve dresses it in serving.py."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from flywheel.core.contract import modality_names
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor
from flywheel.ports import Policies


class RequestError(ValueError):
    """A request that does not fit the policy's contract; the text names what does not."""


class ActRequest(BaseModel):
    """A batch of observations of one task."""

    model_config = ConfigDict(extra="forbid")

    task: Annotated[str, Field(examples=["metaworld/reach-v3"])]
    observations: Annotated[
        dict[str, list[Any]], Field(description="Modality -> [B][D], or [B][h][D] with the newest observation last")
    ]
    """h may be less than the policy's history: the oldest is repeated."""


class ActResponse(BaseModel):
    """What to do."""

    actions: list[list[float]]
    """[B][A], each in [-1, 1]."""
    policy_version: str


class PolicyServer:
    """Acts with one policy version. A version acts once before it answers; if it does not load, the old one stays."""

    def __init__(self, *, policies: Policies) -> None:
        self._policies = policies
        self._live: tuple[str, Actor] | None = None

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first."""
        return None if self._live is None else self._live[0]

    def load(self, policy_id: str) -> None:
        """CheckpointError: the version is missing or damaged."""
        if self.version == policy_id:
            return
        actor = load_actor(self._policies.load(policy_id), origin=f"policy {policy_id}")
        for task in actor.contract.tasks:
            zeros = {
                name: np.zeros((1, 1, actor.contract.modalities[ours].width), np.float32)
                for name, ours in modality_names(actor.contract, task).items()
            }
            actor.act(actor.batch(zeros, task), [task])
        self._live = policy_id, actor

    def act(self, request: ActRequest) -> ActResponse:
        """Most likely actions. RequestError: it does not fit; EndpointError: there is no version yet."""
        if self._live is None:
            raise EndpointError("no policy version is deployed yet")
        policy_id, actor = self._live
        observations = _checked(request, actor)
        size = len(next(iter(observations.values())))
        actions = actor.act(actor.batch(observations, request.task), [request.task] * size)
        used = actions[:, : actor.contract.action_sizes[request.task]]
        return ActResponse(actions=used.tolist(), policy_version=policy_id)


def _checked(request: ActRequest, actor: Actor) -> dict[str, Floats]:
    """Modality, as the task's environment names it -> [B, h, D]."""
    contract = actor.contract
    if request.task not in contract.tasks:
        raise RequestError(f"task: {request.task} is not one of {', '.join(contract.tasks)}")
    names = modality_names(contract, request.task)
    for name in sorted(names.keys() - request.observations.keys()):
        raise RequestError(f"observations.{name}: missing; {request.task} needs {', '.join(names)}")
    for name in sorted(request.observations.keys() - names.keys()):
        raise RequestError(f"observations.{name}: unknown; {request.task} needs {', '.join(names)}")
    observations = {
        name: _array(name, values, width=contract.modalities[names[name]].width, history=contract.history)
        for name, values in request.observations.items()
    }
    _check_alike(observations)
    return observations


def _array(name: str, values: list[Any], *, width: int, history: int) -> Floats:
    try:
        numbers = np.asarray(values)
    except ValueError as failure:
        raise RequestError(f"observations.{name}: its lists differ in length") from failure
    if numbers.dtype.kind not in "iuf":
        raise RequestError(f"observations.{name}: holds something else than numbers")
    with np.errstate(over="ignore"):
        array = numbers.astype(np.float32)
    if array.ndim == 2:
        array = array[:, None]
    if array.ndim != 3 or array.shape[2] != width or not 1 <= array.shape[1] <= history:
        raise RequestError(
            f"observations.{name}: shape {list(numbers.shape)} is neither [batch, {width}] "
            f"nor [batch, 1 to {history}, {width}]"
        )
    if not np.isfinite(array).all():
        raise RequestError(f"observations.{name}: holds NaN or infinite values")
    return array


def _check_alike(observations: Mapping[str, Floats]) -> None:
    shapes = {name: array.shape[:2] for name, array in observations.items()}
    first = next(iter(shapes.values()))
    for name, shape in shapes.items():
        if shape != first:
            raise RequestError(f"observations.{name}: batch and history {list(shape)}, others have {list(first)}")
