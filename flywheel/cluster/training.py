"""Training in a Ray Train run: one worker or several, and one that dies goes on from the last checkpoint."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from uuid import uuid4

import ray
import torch
from ray import train
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import ScalingConfig
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError, WorkerGroupError
from torch import nn

from flywheel.cluster import nodes
from flywheel.cluster.orders import News, Orders
from flywheel.core.errors import CancelledError, FlywheelError, StoppedError, TrainingError
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.logs import output
from flywheel.ports import Brake, Observer, unstopped
from flywheel.workers.training import Place, TrainingRun

NEWS_INTERVAL_S = 0.25
PATIENCE_S = 60.0
"""If no worker has begun by then, a person should know what they wait for."""
MAX_FAILURES = 2
"""Attempts after the first one. An error that we raise ourselves would come again, and is not retried."""

SOMETHING = {"memory": 1.0}
"""Bytes. Ray Train's workers must ask for something, and every node has that."""

MakeRun = Callable[[TrainingRequest, Place, Callable[[nn.Module], nn.Module]], TrainingRun]
"""The training run of a worker at a place, with what wraps its network; called in the worker."""


class RayTrainer:
    """`ports.Trainer`: a Ray Train run whose workers train one policy version after the other.

    They start at the first use, which takes longer than many a training, and stay until `close` with what they were
    given to compute on. All that lasts goes to the store; Ray's own files are gone afterwards. A worker that dies is
    started again and goes on from the newest checkpoint.
    """

    def __init__(
        self, *, run: MakeRun, num_workers: int, num_threads: int, use_gpu: bool, brake: Brake = unstopped
    ) -> None:
        """`num_threads` are torch's, per worker; with `use_gpu` each worker has a GPU."""
        self._brake = brake
        self._run, self._num_workers, self._num_threads, self._use_gpu = run, num_workers, num_threads, use_gpu
        self._team: _Team | None = None

    def train(self, request: TrainingRequest, observer: Observer) -> TrainingResult:
        """TrainingError: the workers died too often, with what is known of the cause; else the run's own error.

        A training that the brake stops takes its workers with it, and what they computed on is free.
        """
        try:
            outcome = self._ready().carry_out(request, observer, self._brake)
        except RayActorError as failure:
            self.close()
            raise TrainingError(f"{request.policy_id}: training failed: its orders are lost: {failure}") from failure
        if isinstance(outcome, StoppedError):
            self.close()
            raise self._brake() or outcome
        if isinstance(outcome, FlywheelError):
            raise outcome
        observer.progress(request.num_updates, request.num_updates, **outcome.metrics)
        return outcome

    def close(self) -> None:
        """Ends the workers."""
        if self._team is not None:
            self._team.close()
            self._team = None

    def _ready(self) -> "_Team":
        """Workers of which none has died: any training may lose as many as the first."""
        if self._team is not None and not self._team.is_whole():
            self.close()
        if self._team is None:
            self._team = _Team(
                job=partial(_Job, run=self._run, num_threads=self._num_threads, use_gpu=self._use_gpu),
                scaling=_scaling(num_workers=self._num_workers, use_gpu=self._use_gpu),
            )
        return self._team


class _Team:
    """A Ray Train run, followed by a thread of its own, and the orders that its workers take."""

    def __init__(self, *, job: Callable[..., "_Job"], scaling: ScalingConfig) -> None:
        self._orders: Any = ray.remote(Orders).options(num_cpus=0, label_selector=nodes.this_node()).remote()
        self._folder = TemporaryDirectory(prefix="flywheel-train-")
        self._wanted = "room" if not scaling.use_gpu else f"{scaling.num_workers} free GPUs"
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._ending = self._thread.submit(_trainer(job(orders=self._orders), scaling, self._folder.name).fit)

    def carry_out(self, request: TrainingRequest, observer: Observer, brake: Brake) -> TrainingResult | FlywheelError:
        """The observer hears of progress in the caller's thread. TrainingError: the workers are gone."""
        ray.get(self._orders.give.remote(request))
        heard, ended, stopping, impatient_at = 0, False, False, monotonic() + PATIENCE_S
        while True:
            if not stopping and brake() is not None:
                ray.get(self._orders.withdraw.remote())
                stopping = True
            news: News = ray.get(self._orders.news.remote(heard))
            for message in news.told:
                observer.event(message)
            heard += len(news.told)
            if not news.has_begun and monotonic() > impatient_at:
                impatient_at = inf
                observer.event(
                    f"no training worker has begun: has Ray {self._wanted} on a node "
                    f"whose label {nodes.ROLE} is {nodes.TRAIN} or absent?"
                )
            if news.outcome is not None:
                outcome: TrainingResult | FlywheelError = news.outcome
                return outcome
            if ended:
                raise self._cause(request.policy_id)
            if news.progress is not None:
                done, total, figures = news.progress
                observer.progress(done, total, **figures)
            ended = bool(wait([self._ending], timeout=NEWS_INTERVAL_S).done)

    def is_whole(self) -> bool:
        """Whether no worker has died, so that all were started once."""
        return not self._ending.done() and ray.get(self._orders.starts.remote()) < 2

    def close(self) -> None:
        """Returns when its processes have ended."""
        with suppress(RayActorError):
            ray.get(self._orders.close.remote())
        self._thread.shutdown()
        ray.kill(self._orders)
        self._folder.cleanup()

    def _cause(self, policy_id: str) -> FlywheelError:
        failure = self._ending.exception()
        if isinstance(failure, TrainingFailedError):
            return root_cause(failure, policy_id)
        return TrainingError(f"{policy_id}: training failed: its workers are gone: {failure}")


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a worker is sent."""

    run: MakeRun
    orders: Any
    num_threads: int
    use_gpu: bool


def _scaling(*, num_workers: int, use_gpu: bool) -> ScalingConfig:
    """GPUs on as few nodes as have them; without, where there are cores.

    Workers need no CPU of Ray: they take turns on the cores with collectors, which hold the CPUs while they rest.
    """
    return ScalingConfig(
        num_workers=num_workers,
        use_gpu=use_gpu,
        resources_per_worker={"GPU": 1} if use_gpu else SOMETHING,
        placement_strategy="PACK" if use_gpu else "SPREAD",
        label_selector=nodes.for_role(nodes.TRAIN),
    )


def _trainer(job: _Job, scaling: ScalingConfig, folder: str) -> TorchTrainer:
    # Not as `train_loop_config`: Ray's controller would read it too, and import all that we are made of.
    work: Any = lambda: _work(job)  # noqa: E731 - Ray sends a lambda by value, and a function by its name
    return TorchTrainer(
        work,
        scaling_config=scaling,
        run_config=RunConfig(
            # A name that was used before makes Ray Train return the old result, untrained.
            name=f"flywheel-{uuid4().hex[:8]}",
            storage_path=folder,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )


def _work(job: _Job) -> None:
    """What each worker does until there are no more orders."""
    output.start("training worker")
    context = train.get_context()
    if job.use_gpu:
        torch.cuda.set_device(train.torch.get_device())
    place = Place(
        rank=context.get_world_rank(),
        num_workers=context.get_world_size(),
        device="cuda" if job.use_gpu else "cpu",
        num_threads=job.num_threads,
    )
    done = 0
    while (order := _next(job, done, place.rank)) is not None:
        done, request = order
        outcome = _trained(job, request, place)
        if place.rank == 0:
            ray.get(job.orders.finish.remote(outcome))
        if job.use_gpu:
            torch.cuda.empty_cache()


def _next(job: _Job, done: int, rank: int) -> tuple[int, TrainingRequest] | None:
    """None: nobody gives orders any more."""
    try:
        order: tuple[int, TrainingRequest] | None = ray.get(job.orders.take.remote(done, rank))
        return order
    except RayActorError:
        return None


def _trained(job: _Job, request: TrainingRequest, place: Place) -> TrainingResult | FlywheelError | None:
    """A lone worker returns its own error, so that it is not tried again."""

    said: list[Any] = []

    def report(done: int, total: int, figures: Mapping[str, float]) -> None:
        # The answer to the time before is there by now, so that nobody waits for it.
        stops = bool(said) and not ray.get(said.pop())
        if _heard_by_all(stops, place):
            raise CancelledError(f"{request.policy_id}: told to stop after {done} of {total} updates")
        if place.rank == 0:
            said.append(job.orders.say.remote(done, total, figures))

    def tell(message: str) -> None:
        job.orders.tell.remote(message)

    try:
        return job.run(request, place, _distributed if place.num_workers > 1 else _alone).run(report, tell)
    except CancelledError as stopped:
        return stopped
    except FlywheelError as failure:
        if place.num_workers > 1:
            raise  # The other workers wait for this one: only its failure ends them.
        return failure


def _heard_by_all(stops: bool, place: Place) -> bool:
    """What the first worker says. All ask at the same updates, so that none goes on while another waits for it."""
    if place.num_workers == 1:
        return stops
    said = torch.tensor([float(stops)], device=place.device)
    torch.distributed.broadcast(said, src=0)
    return bool(said.item())


def _alone(module: nn.Module) -> nn.Module:
    return module


def _distributed(module: nn.Module) -> nn.Module:
    """Gradients are averaged over the workers. Buffers are made from the same data everywhere."""
    wrapped: nn.Module = train.torch.prepare_model(module, parallel_strategy_kwargs={"broadcast_buffers": False})
    return wrapped


def root_cause(failure: TrainingFailedError, policy_id: str) -> FlywheelError:
    """Our own error from inside a worker, as it is; else a TrainingError with the root cause."""
    if isinstance(failure, WorkerGroupError):
        causes = [failure.worker_failures[rank] for rank in sorted(failure.worker_failures)]
    elif isinstance(failure, ControllerError):
        causes = [failure.controller_failure]
    else:
        causes = [failure]
    own = [cause for cause in causes if isinstance(cause, FlywheelError)]
    return own[0] if own else TrainingError(f"{policy_id}: training failed: {_reason(causes[0])}")


def _reason(cause: Exception) -> str:
    """A dead worker's last lines say how it ended; any other error its type and text."""
    died = getattr(cause, "health_check_failure", cause)
    if isinstance(died, RayActorError):
        lines = [line.strip() for line in str(died).splitlines() if line.strip()]
        return f"a training worker died: {' '.join(lines[-2:])}"
    return f"{type(cause).__name__}: {cause}"
