from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from drilling import Drill
from listening import Listener
from ray.exceptions import ActorDiedError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from flywheel.cluster.session import RaySession
from flywheel.cluster.training import RayTrainer, root_cause
from flywheel.core.errors import CancelledError, CheckpointError, StoppedError, TrainingError
from flywheel.learning import codec
from flywheel.store.checkpoints import ObjectCheckpoints
from flywheel.store.objects import open_objects
from flywheel.workers.training import Place

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray uses what Ray deprecates.


def trainer(drill: Drill, *, num_workers: int = 1) -> closing[RayTrainer]:
    return closing(RayTrainer(run=drill, num_workers=num_workers, num_threads=1, use_gpu=False))


def weights(drill: Drill) -> bytes:
    return drill.policies.load("p0000")[codec.WEIGHTS]


def trained_here(drill: Drill, place: Place) -> bytes:
    assert drill(drill.fill(), place).run(lambda done, total, figures: None) is not None
    return weights(drill)


def test_a_killed_worker_goes_on_and_computes_what_an_undisturbed_run_does(ray_session: RaySession, tmp_path: Path):
    killed = Drill(folder=tmp_path / "killed", killed_at=7)
    foreign = ObjectCheckpoints(objects=open_objects(str(killed.folder)))
    foreign.save("p0000", 8, {codec.LEARNER: b"of another training"}, identity={"seed": 1})
    listener = Listener()
    with trainer(killed) as training:
        result = training.train(killed.fill(), listener)
        # The next one is trained by others, because a worker died.
        again = training.train(replace(killed.fill(), policy_id="p0001"), Listener())
    assert (killed.folder / "killed").exists()
    assert result.version == killed.policies.version("p0000")
    assert weights(killed) == trained_here(Drill(folder=tmp_path / "undisturbed"), Place())
    assert again.version.digest == result.version.digest
    done, total, figures = listener.reports[-1]
    assert (done, total) == (12, 12)
    assert figures == result.metrics
    # Told by the worker that was killed and by the one that came after it.
    assert len(listener.events) == 2
    assert all("000000008/ is not gone on from: it was made from other things: " in told for told in listener.events)


def test_two_workers_train_one_network_on_the_batches_of_both(ray_session: RaySession, tmp_path: Path):
    both = Drill(folder=tmp_path / "both")
    with trainer(both, num_workers=2) as training:
        result = training.train(both.fill(), Listener())
        again = training.train(replace(both.fill(), policy_id="p0001"), Listener())
    assert again.version.digest == result.version.digest
    assert result.version == both.policies.version("p0000")
    one = trained_here(Drill(folder=tmp_path / "one"), Place(rank=0, num_workers=2))
    assert len(weights(both)) == len(one)
    assert weights(both) != one


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_training_that_the_brake_stops_frees_its_workers(ray_session: RaySession, tmp_path: Path, num_workers: int):
    drill, listener = Drill(folder=tmp_path), Listener()

    def brake() -> StoppedError | None:
        return CancelledError("enough") if listener.reports else None

    training = RayTrainer(run=drill, num_workers=num_workers, num_threads=1, use_gpu=False, brake=brake)
    with pytest.raises(CancelledError, match="enough"):
        training.train(replace(drill.fill(), num_updates=100_000), listener)
    assert training._team is None
    assert listener.reports[-1][0] < 100_000
    training.close()


def test_errors_come_out_as_they_are_and_the_workers_stay(ray_session: RaySession, tmp_path: Path):
    drill = Drill(folder=tmp_path)
    with trainer(drill) as training:
        with pytest.raises(CheckpointError, match="no-such-parent"):
            training.train(replace(drill.fill(), parent="no-such-parent"), Listener())
        # The workers are still there, and what they compute does not depend on what they did before.
        result = training.train(drill.fill(), Listener())
        assert training._team is not None
        ray.kill(training._team._orders)
        with pytest.raises(TrainingError, match="p0001: training failed: its orders are lost"):
            training.train(replace(drill.fill(), policy_id="p0001"), Listener())
    assert weights(drill) == trained_here(Drill(folder=tmp_path / "fresh"), Place())
    assert result.version == drill.policies.version("p0000")


def test_one_worker_s_own_error_is_the_error_of_all():
    failure = WorkerGroupError("", {0: RuntimeError("connection closed by peer"), 1: CheckpointError("damaged")})
    assert str(root_cause(failure, "p0000")) == "damaged"
    assert isinstance(root_cause(failure, "p0000"), CheckpointError)


def test_a_dead_worker_is_told_as_such():
    failure = WorkerGroupError("", {0: WorkerHealthCheckFailedError("a worker is unhealthy", ActorDiedError())})
    cause = root_cause(failure, "p0000")
    assert isinstance(cause, TrainingError)
    assert str(cause) == (
        "p0000: training failed: a training worker died: The actor died unexpectedly before finishing this task."
    )


def test_an_error_of_ray_itself_keeps_its_text():
    cause = root_cause(ControllerError(ValueError("no storage")), "p0000")
    assert str(cause) == "p0000: training failed: ValueError: no storage"
