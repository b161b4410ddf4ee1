import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Notebook
from mortal import KilledError
from odd_store import OddStore
from small import TASKS, small_config
from stored import tree
from world import contents

from flywheel import wiring
from flywheel.core.contract import contract_digest
from flywheel.core.episode import Source
from flywheel.core.errors import (
    CheckpointError,
    ConfigError,
    EpisodeError,
    ForeignStoreError,
    NewerSchemaError,
    OlderStoreError,
    RecordExistsError,
    ResumeError,
    StoreError,
)
from flywheel.loop import run
from flywheel.store.identity import claim
from flywheel.store.objects import open_objects
from flywheel.workshop import Workshop

HOPELESS = {"suite": "gym", "tasks": ["MountainCar-v0"], "max_decisions": 10, "success_key": "terminated"}
"""Random actions never climb the hill."""


def turned(store, *, observer=None, iterations=1, **changes):
    """A run on the store, in this process."""
    config = small_config(**changes)
    wiring.check(config, str(store))
    ports = wiring.local(config, str(store), observer or Notebook())
    run(ports, iterations=iterations)
    return ports


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store after one improvement iteration. Tests that write work on a copy."""
    store = tmp_path_factory.mktemp("finished") / "store"
    turned(store)
    return store


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def ports_of(store, **changes):
    return wiring.local(small_config(**changes), str(store), Notebook())


def test_a_real_run_makes_every_episode_that_was_asked_for(finished):
    made = ports_of(finished).episodes.summaries()
    counts = {}
    for episode in made:
        counts[episode.source, episode.iteration] = counts.get((episode.source, episode.iteration), 0) + 1
    # Of 2 tasks: 3 demonstrations; 2 collected, 2 evaluated (twice where a version was live), 2 final episodes.
    assert counts == {
        (Source.DEMONSTRATION, 0): 6,
        (Source.EVALUATION, 0): 4,
        (Source.COLLECTION, 1): 4,
        (Source.EVALUATION, 1): 8,
        (Source.FINAL, 1): 4,
    }
    assert {episode.task for episode in made} == set(TASKS)
    assert all(episode.error is None for episode in made)
    assert any(episode.time_to_success_s for episode in made)


def test_candidate_and_live_version_begin_in_the_same_states(finished):
    made = [episode for episode in ports_of(finished).episodes.summaries() if episode.source is Source.EVALUATION]
    states = {
        policy: {
            (episode.task, episode.seed, episode.initial_state)
            for episode in made
            if episode.iteration == 1 and episode.behaviour_policy == policy
        }
        for policy in ("policy-0000", "policy-0001")
    }
    assert len(states["policy-0000"]) == 4
    assert states["policy-0000"] == states["policy-0001"]


def test_the_same_seeds_give_the_same_episodes_records_and_weights(finished, tmp_path):
    assert contents(turned(tmp_path / "again")) == contents(ports_of(finished))


def test_other_seeds_give_other_episodes(finished, tmp_path):
    ours = ports_of(finished).episodes.summaries()
    theirs = turned(tmp_path / "other", seed=2, iterations=0).episodes.summaries()
    assert {episode.seed for episode in ours}.isdisjoint(episode.seed for episode in theirs)
    assert {episode.initial_state for episode in ours}.isdisjoint(episode.initial_state for episode in theirs)


class Killer(Notebook):
    """Kills when the stage starts, or at a progress of the stage."""

    def __init__(self, stage, *, at_progress=None):
        super().__init__()
        self._stage, self._at_progress = stage, at_progress

    def stage_started(self, iteration, stage):
        super().stage_started(iteration, stage)
        if self._at_progress is None and (iteration, stage) == self._stage:
            raise KilledError

    def progress(self, done, total, **figures):
        if self._at_progress is not None and self.started[-1] == self._stage and done >= self._at_progress:
            raise KilledError


def test_killed_at_every_stage_a_real_run_ends_as_if_nothing_had_happened(finished, tmp_path):
    kills = [
        Killer((0, "ingest"), at_progress=3),
        Killer((0, "relabel")),
        Killer((0, "train")),
        Killer((0, "train"), at_progress=50),  # after the checkpoint at update 40
        Killer((0, "evaluate")),
        Killer((0, "deploy")),
        Killer((1, "collect")),
        Killer((1, "collect"), at_progress=2),
        Killer((1, "relabel")),
        Killer((1, "train"), at_progress=30),  # after the last update, before the policy version is saved
        Killer((1, "evaluate"), at_progress=3),
        Killer((1, "deploy")),
        Killer((1, "final")),
        Killer((1, "final"), at_progress=4),
    ]
    for killer in kills:
        with pytest.raises(KilledError):
            turned(tmp_path / "killed", observer=killer)
    ports = turned(tmp_path / "killed")
    assert contents(ports) == contents(ports_of(finished))
    assert not list((tmp_path / "killed" / "checkpoints").rglob("*.safetensors"))


def test_a_run_in_s3_ends_as_one_in_a_folder(finished, s3_store):
    ports = turned(s3_store)
    assert contents(ports) == contents(ports_of(finished))
    assert list(open_objects(s3_store).keys("probe")) == []


OTHER_RUN = """
import sys
from fakes import Notebook
from small import small_config
from flywheel import loop, wiring
loop.run(wiring.local(small_config(), sys.argv[1], Notebook()), iterations=0)
"""


class Overtaken(Notebook):
    """While the first relabelling begins, another process does everything."""

    def __init__(self, store):
        super().__init__()
        self._store = store

    def stage_started(self, iteration, stage):
        super().stage_started(iteration, stage)
        if stage == "relabel":
            environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
            self.other = subprocess.Popen([sys.executable, "-c", OTHER_RUN, self._store], env=environ)
            assert self.other.wait() == 0


def test_of_two_runs_on_one_store_the_second_stops_and_says_who_was_first(s3_store):
    overtaken = Overtaken(s3_store)
    with pytest.raises(RecordExistsError) as caught:
        turned(s3_store, observer=overtaken)
    assert f"{s3_store}/records/iterations/0000/relabel.json: is already there" in str(caught.value)
    assert f"written by process {overtaken.other.pid} on host {socket.gethostname()}, started 2" in str(caught.value)
    ports = ports_of(s3_store)
    made = [episode.episode_id for episode in ports.episodes.summaries()]
    assert len(made) == len(set(made))
    run(ports, iterations=0)


def test_a_store_that_cannot_be_relied_on_is_refused_before_anything_is_written(monkeypatch):
    with OddStore(conditional=False) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError, match="does not enforce put-if-absent"):
            wiring.check(small_config(), "s3://bucket")
        assert server.stored == {}


def test_training_goes_on_from_its_newest_whole_checkpoint(tmp_path):
    with pytest.raises(KilledError):
        turned(tmp_path / "store", observer=Killer((0, "train"), at_progress=50), iterations=0)
    (tmp_path / "store" / "checkpoints" / "policy-0000" / "000000040" / "manifest.json").unlink()
    again = turned(tmp_path / "store", iterations=0).observer
    # Reports come every 50 updates, at checkpoints and at the end.
    trained = [done for done, total, _ in again.progressed if total == 60]
    assert trained == [40, 50, 60]
    assert again.events == []


@pytest.mark.parametrize("name", ["weights.safetensors", "learner.safetensors", "architecture.json"])
def test_a_damaged_checkpoint_stops_the_run_and_is_named(copied, name):
    live = ports_of(copied).records.read("iterations/0001/deploy")["live"]
    (damaged,) = copied.glob(f"policies/{live}/*-{name}")
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{damaged.name}: file {name} is damaged"):
        turned(copied, iterations=2)


def test_a_missing_checkpoint_stops_the_run_and_is_named(copied):
    live = ports_of(copied).records.read("iterations/0001/deploy")["live"]
    next(copied.glob(f"policies/{live}/*-weights.safetensors")).unlink()
    with pytest.raises(CheckpointError, match=r"file weights.safetensors is missing"):
        turned(copied, iterations=2)


def test_a_damaged_file_of_episodes_stops_the_run_and_is_named(copied):
    damaged = max(copied.glob("episodes/part-*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(StoreError, match=damaged.name):
        turned(copied, iterations=2)


def test_a_damaged_record_stops_the_run_and_is_named(copied):
    record = copied / "records" / "iterations" / "0001" / "train.json"
    record.write_text(record.read_text().replace("policy-0001", "policy-0009"))
    with pytest.raises(StoreError, match=r"iterations/0001/train.json: damaged or edited"):
        turned(copied)


def test_a_store_of_another_configuration_is_refused(finished):
    with pytest.raises(ForeignStoreError, match=r"train.discount: the store has 0.97, the configuration says 0.9"):
        wiring.check(
            small_config(train={**small_config().train.model_dump(mode="json"), "discount": 0.9}), str(finished)
        )


def test_a_setting_that_did_not_exist_when_the_store_was_made_has_its_default(tmp_path):
    older = small_config().model_dump(mode="json")
    del older["suites"][0]["module"], older["gate"]["scheme"]
    claim(open_objects(str(tmp_path)), older, created_by="0.1.0", free_keys=())
    wiring.take(small_config(), str(tmp_path))
    with pytest.raises(ForeignStoreError, match=r"gate.max_pairs: the store has 2, the configuration says 9"):
        wiring.take(small_config(gate={"max_pairs": 9, "batch": 1}), str(tmp_path))


@pytest.mark.parametrize(("version", "error"), [(2, OlderStoreError), (4, NewerSchemaError)])
def test_a_store_of_another_schema_version_is_refused_whoever_comes(tmp_path, version, error):
    wiring.take(small_config(), str(tmp_path))
    path = tmp_path / "flywheel.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": version}))
    before = tree(tmp_path)
    for comes in (wiring.take, wiring.check):
        with pytest.raises(error):
            comes(small_config(), str(tmp_path))
    with pytest.raises(error):
        wiring.plan_of(str(tmp_path))
    assert tree(tmp_path) == before


def test_how_long_and_on_what_it_runs_may_change(finished):
    changed = small_config(
        iterations=9,
        until=0.5,
        resources={"num_collectors": 7},
        storage={"spool_bytes": 5},
        retention={"rules": [{"max_age_iterations": 3}]},
    )
    wiring.check(changed, str(finished))


def test_unknown_tasks_are_refused_before_the_store_is_claimed(tmp_path):
    suite = {"suite": "gym", "tasks": ["Nowhere-v0"], "max_decisions": 10}
    with pytest.raises(ConfigError, match="gym has no task Nowhere-v0"):
        wiring.check(small_config(suites=[suite]), str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_store_knows_its_configuration(finished):
    assert wiring.configuration_of(str(finished)) == small_config()


def test_an_empty_folder_has_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="no flywheel was ever run here"):
        wiring.configuration_of(str(tmp_path))


def test_the_report_lies_at_the_stores_root(copied):
    written = wiring.write_report(small_config(), str(copied))
    assert written == wiring.report_of(small_config(), str(copied))
    read = json.loads((copied / "report.json").read_text())
    assert list(read["final"]["tasks"]) == sorted(TASKS)
    assert [turn["number"] for turn in read["iterations"]] == [0, 1]
    assert "<html" in (copied / "report.html").read_text()


def test_where_nothing_can_be_scored_the_run_ends_and_its_report_says_why(tmp_path):
    suite = {"suite": "gym", "tasks": ["Pendulum-v1"], "max_decisions": 10}
    demonstrated = {**suite, "demonstrations": {"episodes_per_task": 2}}
    turned(tmp_path / "store", suites=[demonstrated])
    report = wiring.report_of(small_config(suites=[demonstrated]), str(tmp_path / "store"))
    assert report.missing == ["final assessment: no version was promoted"]
    assert report.iterations[0].decision == "reject"


def test_filtered_cloning_learns_from_successes_only(tmp_path):
    demonstrated = [{**HOPELESS, "demonstrations": {"episodes_per_task": 2}}]
    with pytest.raises(EpisodeError, match="no episode has a label that is asked for"):
        turned(tmp_path / "store", suites=demonstrated, train={"algorithm": "filtered_bc", "num_updates": [1]})


def test_an_embedded_ray_has_a_place_for_every_collector_and_a_gpu_for_every_training_worker():
    resources = small_config(resources={"num_collectors": 3, "num_train_workers": 2, "use_gpu": True}).resources
    assert wiring.num_places(resources) == 3
    assert wiring.num_gpus(resources) == 2
    assert wiring.num_gpus(small_config().resources) == 0


def test_what_a_policy_sees_and_does_is_recorded_and_checked(copied):
    contract = contract_digest(Workshop(config=small_config(), store=str(copied)).contract)
    ports = ports_of(copied)
    assert ports.contract() == contract
    assert ports.records.read("iterations/0001/train")["contract"] == contract
    with pytest.raises(ResumeError, match=f"sees or does other things .*, recorded was {contract}"):
        run(replace(ports, contract=lambda: "other"), iterations=2)


def test_another_training_of_the_same_policy_is_refused(copied, tmp_path):
    """Whole, and not what the record says."""
    live = ports_of(copied).records.read("iterations/0001/deploy")["live"]
    turned(tmp_path / "other", seed=2)
    shutil.rmtree(copied / "policies" / live)
    shutil.copytree(tmp_path / "other" / "policies" / live, copied / "policies" / live)
    with pytest.raises(ResumeError, match=f"{live}: learner.safetensors is not the one that was trained"):
        turned(copied, iterations=2)
