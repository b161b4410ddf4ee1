"""Training as a Ray Train job: one to n workers, each running the plain TrainingRun."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from torch import nn

from flywheel.core.errors import FlywheelError, TrainingError
from flywheel.ports import Observer, TrainingRequest, TrainingResult
from flywheel.workers.training import Place, TrainingRun

MakeRun = Callable[[TrainingRequest, Place, Callable[[nn.Module], nn.Module]], TrainingRun]

MAX_FAILURES = 2
"""Workers that may die; each time training goes on from the newest checkpoint."""
NEWS_INTERVAL_S = 0.5


@dataclass
class _News:
    """What the worker of rank 0 has to say."""

    done: int = 0
    total: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    result: TrainingResult | None = None
    error: FlywheelError | None = None


class _Mailbox:
    """An actor beside the workers that keeps their last news: Ray Train itself tells its caller only the end."""

    def __init__(self) -> None:
        self._news = _News()

    def put(self, news: _News) -> None:
        self._news = news

    def get(self) -> _News:
        return self._news


class RayTrainer:
    """`ports.Trainer` as a job of its own for each policy version.

    All that lasts goes to the store: Ray Train's own folder is temporary. A worker that dies is started again and goes
    on from the newest checkpoint; an error that would come again, such as a damaged parent, ends the job at once.
    """

    def __init__(self, *, run: MakeRun, num_workers: int, num_threads: int, use_gpu: bool) -> None:
        self._run = run
        self._num_workers, self._num_threads, self._use_gpu = num_workers, num_threads, use_gpu

    def train(self, request: TrainingRequest, observer: Observer) -> TrainingResult:
        folder = tempfile.mkdtemp(prefix="flywheel-train-")
        mailbox = ray.remote(_Mailbox).options(num_cpus=0).remote()
        try:
            with _Relay(mailbox, observer):
                self._fit(request, mailbox, folder)
            news = ray.get(mailbox.get.remote())
        finally:
            ray.kill(mailbox)
            shutil.rmtree(folder, ignore_errors=True)
        if news.error is not None:
            raise news.error
        if news.result is None:
            raise TrainingError(f"{request.policy_id}: the training job ended without a policy version")
        result: TrainingResult = news.result
        return result

    def _fit(self, request: TrainingRequest, mailbox: Any, folder: str) -> None:
        trainer = TorchTrainer(
            _work,
            train_loop_config={
                "run": self._run,
                "request": request,
                "num_threads": self._num_threads,
                "mailbox": mailbox,
            },
            scaling_config=ScalingConfig(num_workers=self._num_workers, use_gpu=self._use_gpu),
            run_config=RunConfig(
                # A name that was used before makes Ray Train return the old result.
                name=f"{request.policy_id}-{uuid4().hex[:8]}",
                storage_path=folder,
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
            ),
        )
        try:
            trainer.fit()
        except (ray.train.TrainingFailedError, ray.exceptions.RayError) as failure:
            raise TrainingError(f"{request.policy_id}: {_root_cause(failure)}") from failure


class _Relay:
    """While it lasts, a thread tells the observer what is in the mailbox."""

    def __init__(self, mailbox: Any, observer: Observer) -> None:
        self._mailbox, self._observer = mailbox, observer
        self._over = Event()
        self._thread = Thread(target=self._relay, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        self._thread.join()

    def _relay(self) -> None:
        while not self._over.wait(NEWS_INTERVAL_S):
            news = ray.get(self._mailbox.get.remote())
            if news.total:
                self._observer.progress(news.done, news.total, **news.figures)


def _work(config: dict[str, Any]) -> None:
    """What each worker does."""
    context, mailbox = ray.train.get_context(), config["mailbox"]
    device = ray.train.torch.get_device()
    place = Place(
        rank=context.get_world_rank(),
        num_workers=context.get_world_size(),
        device=device.type,
        num_threads=config["num_threads"],
    )
    try:
        run = config["run"](config["request"], place, _distributed if place.num_workers > 1 else _alone)
        result = run.run(lambda done, total, figures: _tell(mailbox, place, _News(done, total, figures)))
    except FlywheelError as failure:
        ray.get(mailbox.put.remote(_News(error=failure)))
        return
    if result is not None:
        ray.get(mailbox.put.remote(_News(result=result)))


def _tell(mailbox: Any, place: Place, news: _News) -> None:
    if place.rank == 0:
        mailbox.put.remote(news)


def _alone(objective: nn.Module) -> nn.Module:
    return objective


def _distributed(objective: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(objective)


def _root_cause(failure: BaseException) -> str:
    """The last line of the innermost error: what a person needs first."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    lines = [line for line in str(failure).splitlines() if line.strip()]
    return lines[-1].strip() if lines else repr(failure)
