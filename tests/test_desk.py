import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import Notebook
from small import TASKS, small_config

from flywheel import wiring
from flywheel.core.episode import Source
from flywheel.core.errors import ConfigError
from flywheel.core.iteration import Iteration, Stage
from flywheel.exchange.desk import export_files, import_files, query
from flywheel.exchange.exporting import Selection
from flywheel.stages.ingest import ingest
from flywheel.stages.plan import plan
from flywheel.stages.relabel import relabel
from flywheel.stages.train import train

CONTINUOUS = TASKS[0]


@pytest.fixture
def store(tmp_path):
    """Claimed by the small configuration, and empty."""
    store = str(tmp_path / "store")
    wiring.check(small_config(), store)
    return store


@pytest.fixture
def rows(tmp_path):
    """Two episodes of three decisions of the mountain car, as any program may write them."""
    path = tmp_path / "rows.parquet"
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(4, 2)).astype(np.float32) for _ in range(2)]
    columns = {
        "eps_id": ["a"] * 3 + ["b"] * 3,
        "obs": [row.tolist() for state in states for row in state[:-1]],
        "new_obs": [row.tolist() for state in states for row in state[1:]],
        "actions": [0.5, -0.5, 1.0] * 2,
        "rewards": [0.0, 0.0, 1.0] * 2,
        "terminateds": [False, False, True] * 2,
        "truncateds": [False] * 6,
    }
    pq.write_table(pa.table(columns), path)
    return path


def bring(store, path, **changes):
    return import_files(store, path, **({"file_format": "rllib", "task": CONTINUOUS, "takes": []} | changes))


def test_uploads_are_labelled_and_trained_on_by_the_next_iteration(store, rows):
    assert bring(store, rows).added == {CONTINUOUS: 2}
    config = small_config(train={"num_updates": [2], "batch_size": 8, "checkpoint_every": 2, "warmup_updates": 1})
    ports = wiring.local(config, store, Notebook())
    iteration = Iteration(number=0)
    iteration = iteration.completed(Stage.PLAN, plan(iteration, ports))
    iteration = iteration.completed(Stage.INGEST, ingest(iteration, ports))
    iteration = iteration.completed(Stage.RELABEL, relabel(iteration, ports))
    uploads = ports.episodes.summaries(source=Source.UPLOAD)
    labels = ports.labels.read()
    assert [[label.task for label in labels[upload.episode_id]] for upload in uploads] == [[CONTINUOUS]] * 2
    outcome = train(iteration, ports)
    trained = ports.episodes.summaries(version=outcome["trained_on"]["episodes"], source=Source.UPLOAD)
    assert trained == uploads


def test_what_was_exported_can_be_imported_elsewhere(store, rows, tmp_path):
    bring(store, rows)
    done = export_files(store, tmp_path / "out", file_format="parquet", selection=Selection(), version=None)
    assert (done.episodes, done.decisions) == ({CONTINUOUS: 2}, 6)
    other = str(tmp_path / "other")
    wiring.check(small_config(), other)
    assert bring(other, tmp_path / "out", file_format="parquet", task=None).added == {CONTINUOUS: 2}


def test_the_tables_can_be_asked(store, rows):
    bring(store, rows)
    counted = query(store, "SELECT source, count(*) AS n FROM episodes GROUP BY source")
    assert (counted.names, list(counted.rows())) == (["source", "n"], [("upload", 2)])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"task": "gym/Pendulum-v1"}, f"--task gym/Pendulum-v1: the store has {CONTINUOUS}"),
        ({"task": None}, "says no task; give --task"),
        ({"takes": ["obs=position"]}, "no observation mountaincarcontinuous_observation; it has obs"),
        ({"takes": ["obs"]}, "--take obs: write NAME=MODALITY"),
        ({"file_format": "csv"}, "--format csv: unknown"),
        ({"file_format": "lerobot"}, "no LeRobot dataset is here"),
    ],
)
def test_what_is_wrong_leaves_the_store_as_it_was(store, rows, tmp_path, changes, told):
    before = sorted((tmp_path / "store").rglob("*"))
    with pytest.raises(ConfigError, match=told):
        bring(store, rows, **changes)
    assert sorted((tmp_path / "store").rglob("*")) == before


def test_a_store_that_is_nobodys_is_refused(rows, tmp_path):
    with pytest.raises(ConfigError, match="no flywheel was ever run here"):
        bring(str(tmp_path / "empty"), rows)
