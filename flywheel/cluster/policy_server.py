"""PolicyServer: answers requests with one policy version per session. Plain; Ray Serve dresses it in policy_app.py."""

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from flywheel.cluster.meter import Ending, Meter, Uncounted
from flywheel.cluster.sessions import Sessions
from flywheel.core.contract import modality_names
from flywheel.core.episode import Floats
from flywheel.core.errors import DeadlineError, EndpointError
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor
from flywheel.ports import Policies

MAX_EARLIER = 3
"""Versions kept in memory beside the live one, for the sessions that they answer."""
MAX_SECONDS = 3600.0
"""More is no age and no deadline, but a time of day, or another unit."""

Seconds = Annotated[float, Field(le=MAX_SECONDS, allow_inf_nan=False)]


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
    session: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=128,
            pattern="^[!-~]+$",
            description="The robot's name of its episode, which one policy version answers from begin to end",
            examples=["robot-4/2026-01-05/17"],
        ),
    ] = None
    age_s: Annotated[
        Seconds | None, Field(ge=0.0, description="How old the newest observation was when the request was sent")
    ] = None
    deadline_s: Annotated[
        Seconds | None, Field(gt=0.0, description="Time from the request's arrival after which no action is wanted")
    ] = None


class ActResponse(BaseModel):
    """What to do."""

    actions: list[list[float]]
    """[B][A], each in [-1, 1]."""
    policy_version: str
    valid_for_s: Annotated[
        float | None, Field(description="What was left of the deadline when the answer was sent; null: it had none")
    ] = None


class PolicyServer:
    """Acts with the live policy version, or the one that a session began with.

    A version acts once before it answers; if it does not load, the old one stays. For any number of threads.
    """

    def __init__(
        self,
        *,
        policies: Policies,
        meter: Meter | None = None,
        sessions: Sessions | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`now`: a clock that only goes on, of which `arrived` is a time too."""
        self._policies = policies
        self._meter = Uncounted() if meter is None else meter
        self._sessions = Sessions() if sessions is None else sessions
        self._now = now
        self._live: tuple[str, Actor] | None = None
        self._earlier: dict[str, Actor] = {}
        """By when they stopped being live."""
        self._told: tuple[int, int] | None = None
        self._lock = Lock()
        """Of sessions and versions. It is never held while anything is loaded or computed."""

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first."""
        return None if self._live is None else self._live[0]

    def load(self, policy_id: str) -> None:
        """Makes it the live version. CheckpointError: it is missing or damaged."""
        if self.version == policy_id:
            return
        actor = load_actor(self._policies.load(policy_id), origin=f"policy {policy_id}")
        _warm_up(actor)
        with self._lock:
            if self._live is not None:
                before, its_actor = self._live
                self._earlier[before] = its_actor
            self._earlier.pop(policy_id, None)
            self._live = policy_id, actor
            self._let_go()
        self._meter.serves(policy_id)

    def tidy(self) -> None:
        """Lets go of sessions that are over, and of versions that nobody needs for one."""
        with self._lock:
            self._let_go()

    def act(self, request: ActRequest, *, arrived: float | None = None) -> ActResponse:
        """Most likely actions; `arrived`: when the request did, where it waited since.

        RequestError: it does not fit; EndpointError: there is no version yet; DeadlineError: it is too late.
        """
        arrived = self._now() if arrived is None else arrived
        try:
            return self._acted(request, arrived)
        except DeadlineError:
            self._meter.missed(duration_s=self._now() - arrived)
            raise
        except RequestError:
            self._meter.turned_away(Ending.UNFIT)
            raise
        except EndpointError:
            self._meter.turned_away(Ending.UNREADY)
            raise
        except Exception:
            self._meter.turned_away(Ending.FAILED)
            raise

    def _acted(self, request: ActRequest, arrived: float) -> ActResponse:
        self._left_of(request, arrived)  # It may have waited so long that nobody wants what would be computed.
        policy_id, actor = self._chosen(request.session)
        observations = _checked(request, actor)
        size = len(next(iter(observations.values())))
        actions = actor.act(actor.batch(observations, request.task), [request.task] * size)
        used = actions[:, : actor.contract.action_sizes[request.task]].tolist()
        elapsed_s, left_s = self._left_of(request, arrived)
        if request.session is not None and self._kept(request.session, policy_id) != policy_id:
            return self._acted(request, arrived)  # Another request of the session was faster, and a swap between them.
        age_s = None if request.age_s is None else request.age_s + elapsed_s
        self._meter.acted(duration_s=elapsed_s, batch_size=size, age_s=age_s)
        return ActResponse(actions=used, policy_version=policy_id, valid_for_s=left_s)

    def _left_of(self, request: ActRequest, arrived: float) -> tuple[float, float | None]:
        """Seconds since the arrival, and until the deadline. DeadlineError: it has passed."""
        elapsed_s = self._now() - arrived
        if request.deadline_s is None:
            return elapsed_s, None
        if elapsed_s >= request.deadline_s:
            raise DeadlineError(
                f"no action: {elapsed_s * 1e3:.1f} ms after its arrival the request was not answered, "
                f"and its deadline is {request.deadline_s * 1e3:g} ms"
            )
        return elapsed_s, request.deadline_s - elapsed_s

    def _chosen(self, session: str | None) -> tuple[str, Actor]:
        with self._lock:
            if self._live is None:
                raise EndpointError("no policy version is deployed yet")
            if session is None:
                return self._live
            version = self._sessions.version_of(session, now=self._now())
            return self._live if version not in self._earlier else (version, self._earlier[version])

    def _kept(self, session: str, policy_id: str) -> str:
        """The version that the session keeps once this one has answered."""
        with self._lock:
            among = {*self._earlier, self.version}
            kept = self._sessions.answered(session, version=policy_id, among=among, now=self._now())
            self._tell()
            return kept

    def _let_go(self) -> None:
        self._sessions.expire(now=self._now())
        self._earlier = {name: actor for name, actor in self._earlier.items() if self._sessions.count(name)}
        for name in list(self._earlier)[:-MAX_EARLIER]:
            del self._earlier[name]
            self._sessions.forget(name)
        self._tell()

    def _tell(self) -> None:
        live = 0 if self._live is None else self._sessions.count(self._live[0])
        if (counts := (live, len(self._sessions) - live)) != self._told:
            self._told = counts
            self._meter.sessions(live=live, earlier=counts[1])


def _warm_up(actor: Actor) -> None:
    """The first time takes longer than any other."""
    for task in actor.contract.tasks:
        zeros = {
            name: np.zeros((1, 1, actor.contract.modalities[ours].width), np.float32)
            for name, ours in modality_names(actor.contract, task).items()
        }
        actor.act(actor.batch(zeros, task), [task])


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
