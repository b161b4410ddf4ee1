import shutil
from pathlib import Path

import pytest
import ray
from fakes import Notebook
from small import small_config

from flywheel import supervisor, wiring
from flywheel.core.iteration import Stage
from flywheel.journal import Ending
from flywheel.loop import run
from flywheel.store.sealed import seal, unseal
from flywheel.supervisor import Supervisor


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A store with nothing left to do but the report."""
    store = str(tmp_path_factory.mktemp("pretrained") / "store")
    wiring.check(small_config(), store)
    run(wiring.local(small_config(), store, Notebook()), iterations=0)
    return store


@pytest.fixture
def copied(pretrained, tmp_path):
    return Path(shutil.copytree(pretrained, tmp_path / "copied"))


def test_a_damaged_store_ends_a_run_as_wrong_input(copied):
    record = copied / "records" / "iterations" / "0000" / "train.json"
    record.write_text(record.read_text().replace("policy-0000", "policy-0009"))
    ending = Supervisor(config=small_config(), store=str(copied)).run(iterations=0, until=None)
    assert ending.exit_code == 2
    assert "iterations/0000/train.json: damaged or edited" in ending.message


class KilledError(Exception):
    """The process is gone."""


class Killer(Notebook):
    """Kills as the stage begins."""

    def stage_started(self, iteration, stage):
        if stage is Stage.RELABEL:
            raise KilledError


def test_an_iteration_of_another_loop_version_ends_a_run_as_wrong_input(tmp_path):
    store = str(tmp_path)
    with pytest.raises(KilledError):
        run(wiring.local(small_config(), store, Killer()), iterations=0)
    stages = tmp_path / "records" / "iterations" / "0000"
    ingested = stages / "ingest.json"
    ingested.write_bytes(seal(unseal(ingested.read_bytes(), name="") | {"flywheel": "0.0.1", "loop": 0}, name=""))
    owner = Supervisor(config=small_config(), store=store)
    refused = owner.run(iterations=0, until=None)
    assert refused.exit_code == 2
    assert "iteration 0, ingest: was recorded by flywheel 0.0.1, loop version 0;" in refused.message
    assert not (stages / "relabel.json").exists()


def test_a_record_that_lacks_what_its_stage_produces_ends_a_run_as_a_failure(copied):
    (copied / "records" / "iterations" / "0000" / "ingest.json").write_bytes(seal({"tasks": {}}, name=""))
    ending = Supervisor(config=small_config(), store=str(copied)).run(iterations=0, until=None)
    assert ending == Ending(exit_code=1, message="iteration 0: ingest did not produce episodes_version, data_digests")


def test_a_store_without_a_chronicle_ends_a_run_as_wrong_input(tmp_path):
    wiring.local(small_config(), str(tmp_path), Notebook()).records.write("iterations/0000/ingest", {"tasks": {}})
    ending = Supervisor(config=small_config(), store=str(tmp_path)).run(iterations=0, until=None)
    assert ending.exit_code == 2
    assert "made by an older flywheel, without a chronicle" in ending.message


def test_what_nobody_expected_ends_a_run_with_its_traceback(tmp_path):
    ending = Supervisor(config=None, store=str(tmp_path)).run(iterations=0, until=None)
    assert ending.exit_code == 1
    assert ending.message.startswith("Traceback")
    assert "AttributeError" in ending.message


def test_a_finished_store_needs_only_its_report(copied):
    (copied / "report.json").unlink(missing_ok=True)
    owner = Supervisor(config=small_config(), store=str(copied))
    assert owner.run(iterations=0, until=None) == Ending(exit_code=0)
    assert (copied / "report.json").exists()
    assert [happening.message for happening in owner.since(0).happenings] == ["writing the report"]
    assert owner.since(1).happenings == ()


def test_as_an_actor_it_answers_who_asks_and_survives_a_wrong_store(ray_session, copied):
    record = copied / "records" / "iterations" / "0000" / "train.json"
    record.write_text(record.read_text().replace("policy-0000", "policy-0009"))
    actor = supervisor.start(config=small_config(), store=str(copied))
    ending = ray.get(actor.run.remote(iterations=0, until=None), timeout=120)
    assert ending.exit_code == 2
    assert "damaged or edited" in ending.message
    assert ray.get(actor.since.remote(0), timeout=60).progress is None
    ray.kill(actor)
