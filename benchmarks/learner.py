"""The learner in Ray Train against the same updates in a plain process, on data in memory."""

import multiprocessing
from contextlib import closing
from hashlib import sha256
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks.material import Material
from benchmarks.writing import machine, publish, table
from flywheel import wiring
from flywheel.cluster.session import RaySession
from flywheel.cluster.training import RayTrainer
from flywheel.config import Config
from flywheel.core.training import TrainingRequest
from flywheel.learning import codec
from flywheel.ports import unheard
from flywheel.workers.training import Place
from flywheel.workshop import Workshop


def measure(material: Material, *, num_updates: int = 600, rounds: int = 5) -> None:
    """Counted is the loop of updates. In turns one side is first; the plain one starts a process each time.

    Ray Train's side reports its progress and saves its checkpoints in that loop, the plain side does neither. Both
    must end with the same weights.
    """
    before = machine()
    workshop = Workshop(config=material.config, store=material.store)
    trainer = RayTrainer(run=workshop.training_run, num_workers=1, num_threads=1, use_gpu=False)
    measured: list[dict[str, Any]] = []
    with RaySession(num_cpus=wiring.num_places(material.config.resources)), closing(trainer):
        for number in range(rounds):
            request = material.training(f"benchmark-{number}", num_updates=num_updates)
            sides = {
                "plain": lambda request=request: _train_plainly(request, material),
                "ray": lambda request=request: _train_on_ray(request, trainer, material),
            }
            result = {name: sides[name]() for name in (sorted(sides, reverse=True) if number % 2 else sorted(sides))}
            if result["plain"]["digest"] != result["ray"]["digest"]:
                raise AssertionError(f"both sides were to learn the same weights: {result}")
            measured.append(result)
    _publish(measured, num_updates=num_updates, before=before)


def _publish(measured: list[dict[str, Any]], *, num_updates: int, before: dict[str, Any]) -> None:
    rounds = [
        {
            "plain_updates_per_s": num_updates / result["plain"]["work_s"],
            "ray_updates_per_s": num_updates / result["ray"]["work_s"],
            "ratio": result["plain"]["work_s"] / result["ray"]["work_s"],
            "overhead_s": result["ray"]["wall_s"] - result["ray"]["work_s"],
        }
        for result in measured
    ]
    rows: list[list[object]] = [
        [
            number,
            f"{one['plain_updates_per_s']:.1f}",
            f"{one['ray_updates_per_s']:.1f}",
            f"{one['ratio']:.3f}",
            f"{one['overhead_s']:.1f}",
        ]
        for number, one in enumerate(rounds, 1)
    ]
    ratio, overhead_s = (median(one[name] for one in rounds) for name in ("ratio", "overhead_s"))
    rows.append(["**median**", "", "", f"**{ratio:.3f}**", f"{overhead_s:.1f}"])
    publish(
        "learner",
        title=f"Learner: {num_updates} updates in Ray Train against a plain process; the same weights come out",
        text=table(["round", "plain updates/s", "Ray Train updates/s", "ratio", "fixed cost of a run in s"], rows),
        result={"num_updates": num_updates, "rounds": rounds, "ratio": ratio, "overhead_s": overhead_s},
        before=before,
    )


def _train_on_ray(request: TrainingRequest, trainer: RayTrainer, material: Material) -> dict[str, Any]:
    began = perf_counter()
    result = trainer.train(request, material.ports.observer)
    return {
        "wall_s": perf_counter() - began,
        "work_s": result.metrics["work_s"],
        "digest": result.version.digest,
    }


def _train_plainly(request: TrainingRequest, material: Material) -> dict[str, Any]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_updates, args=(theirs, request, material.config, material.store), daemon=True)
    process.start()
    theirs.close()  # Else a process that fails is waited for for ever.
    result: dict[str, Any] = ours.recv()
    process.join()
    return result


def _updates(connection: Connection, request: TrainingRequest, config: Config, store: str) -> None:
    torch.set_num_threads(1)
    run = Workshop(config=config, store=store).training_run(request, Place())
    # The run's own parts; what is measured is the loop around them.
    sampler = run._sampler()
    learner = run._learner(sampler, unheard)
    began = perf_counter()
    while learner.num_updates < request.num_updates:
        learner.update(sampler.batch(learner.num_updates))
    work_s = perf_counter() - began
    state = learner.state()
    weights = {name.removeprefix("target."): some for name, some in state.items() if name.startswith("target.")}
    connection.send({"work_s": work_s, "digest": sha256(codec.tensors_to_bytes(weights)).hexdigest()})
