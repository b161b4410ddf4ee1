"""Training as a Ray Train run: one worker or several, and a worker that dies goes on from the last checkpoint."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import ray
import torch
from ray import train
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError, WorkerGroupError
from torch import nn

from flywheel.cluster.progress import Progress
from flywheel.core.errors import FlywheelError, TrainingError
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.ports import Observer
from flywheel.workers.training import Place, TrainingRun

PROGRESS_INTERVAL_S = 0.25
MAX_FAILURES = 2
"""Attempts after the first one. An error that we raise ourselves would come again, and is not retried."""

MakeRun = Callable[[TrainingRequest, Place, Callable[[nn.Module], nn.Module]], TrainingRun]
"""The training run of a worker at a place, with what wraps its network; called in the worker."""


class RayTrainer:
    """`ports.Trainer`: a Ray Train run for each policy version.

    All that lasts goes to the store; Ray's own files are gone afterwards. A worker that dies is started again and goes
    on from the newest checkpoint.
    """

    def __init__(self, *, run: MakeRun, num_workers: int, num_threads: int, use_gpu: bool) -> None:
        """`num_threads` are torch's, per worker; with `use_gpu` each worker has a GPU."""
        self._run, self._num_workers, self._num_threads, self._use_gpu = run, num_workers, num_threads, use_gpu

    def train(self, request: TrainingRequest, observer: Observer) -> TrainingResult:
        """TrainingError: the workers died too often, with what is known of the cause; else the run's own error."""
        progress: Any = ray.remote(Progress).options(num_cpus=0).remote()
        try:
            with TemporaryDirectory(prefix="flywheel-train-") as folder:
                outcome = self._fit(self._trainer(request, progress, folder), request, progress, observer)
        finally:
            ray.kill(progress)
        if isinstance(outcome, FlywheelError):
            raise outcome
        observer.progress(request.num_updates, request.num_updates, **outcome.metrics)
        return outcome

    def _fit(
        self, trainer: TorchTrainer, request: TrainingRequest, progress: Any, observer: Observer
    ) -> TrainingResult | FlywheelError:
        """Fits in a thread of its own, so that the observer hears of progress in the caller's."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            fitting = pool.submit(trainer.fit)
            heard, finished = 0, False
            while not finished:
                finished = bool(wait([fitting], timeout=PROGRESS_INTERVAL_S).done)
                said, told = ray.get([progress.said.remote(), progress.told.remote(heard)])
                if said is not None and not finished:
                    done, total, figures = said
                    observer.progress(done, total, **figures)
                for message in told:
                    observer.event(message)
                heard += len(told)
        try:
            result: Any = fitting.result()
        except TrainingFailedError as failure:
            raise root_cause(failure, request.policy_id) from failure
        outcome: TrainingResult | FlywheelError = result.return_value
        return outcome

    def _trainer(self, request: TrainingRequest, progress: Any, folder: str) -> TorchTrainer:
        job = _Job(
            run=self._run,
            request=request,
            progress=progress,
            num_threads=self._num_threads,
            use_gpu=self._use_gpu,
        )
        # Not as `train_loop_config`: Ray's controller would read it too, and import all that we are made of.
        work: Any = lambda: _work(job)  # noqa: E731 - Ray sends a lambda by value, and a function by its name
        return TorchTrainer(
            work,
            scaling_config=ScalingConfig(num_workers=self._num_workers, use_gpu=self._use_gpu),
            run_config=RunConfig(
                # A name that was used before makes Ray Train return the old result, untrained.
                name=f"{request.policy_id}-{uuid4().hex[:8]}",
                storage_path=folder,
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a worker is sent."""

    run: MakeRun
    request: TrainingRequest
    progress: Any
    num_threads: int
    use_gpu: bool


def _work(job: _Job) -> TrainingResult | FlywheelError | None:
    """What each worker does. A lone worker returns its own error, so that it is not tried again."""
    context = train.get_context()
    rank, num_workers = context.get_world_rank(), context.get_world_size()
    if job.use_gpu:
        torch.cuda.set_device(train.torch.get_device())
    place = Place(
        rank=rank, num_workers=num_workers, device="cuda" if job.use_gpu else "cpu", num_threads=job.num_threads
    )

    def report(done: int, total: int, figures: Mapping[str, float]) -> None:
        if rank == 0:
            job.progress.say.remote(done, total, figures)

    def tell(message: str) -> None:
        job.progress.tell.remote(message)

    try:
        return job.run(job.request, place, _distributed if num_workers > 1 else _alone).run(report, tell)
    except FlywheelError as failure:
        if num_workers > 1:
            raise  # The other workers wait for this one: only its failure ends them.
        return failure


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
