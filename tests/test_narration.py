"""What a turn of the wheel leaves behind: its log in the store, its trace at the collector."""

import logging
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import Notebook
from otlp import collecting
from stored import StoredWorld

from flywheel.core.errors import TrainingError
from flywheel.core.log_line import Level, LogLine
from flywheel.logs.about import known
from flywheel.narration import Narration
from flywheel.store.logs import ObjectLogs
from flywheel.store.objects import open_objects

STAGES = ["plan", "ingest", "relabel", "train", "evaluate", "deploy"]


class FailingTrainer:
    def train(self, request, observer):
        observer.event("the data is odd")
        raise TrainingError("no memory")


def lines_of(folder: Path, iteration: int) -> list[LogLine]:
    return list(ObjectLogs(objects=open_objects(str(folder))).page(iteration, size=1_000).lines)


def test_the_log_of_each_iteration_is_kept_and_others_hear_of_it_too(tmp_path):
    world, book = StoredWorld(tmp_path), Notebook()
    with Narration(store=str(tmp_path), others=book) as narration, narration.turning():
        world.run(iterations=1, observer=narration.observer)
    first, second = lines_of(tmp_path, 0), lines_of(tmp_path, 1)
    assert first[0].message == "iteration 0 is turned"
    assert [line.stage for line in first if line.message.endswith("begins")] == STAGES
    assert "policy-0001" in {line.policy_version for line in second}
    assert {line.iteration for line in second} == {1}
    assert second[-1].stage == "final"
    assert [stage for iteration, stage in book.started if iteration == 0] == STAGES
    assert known() == {}


def test_what_fails_is_in_the_log_before_it_is_said_to_be_over(tmp_path):
    world = StoredWorld(tmp_path)
    with Narration(store=str(tmp_path), others=Notebook()) as narration:
        with pytest.raises(TrainingError), narration.turning():
            world.run(iterations=0, trainer=FailingTrainer(), observer=narration.observer)
        # Not only once everything ends: whoever follows the iteration reads no further.
        found = [line for line in lines_of(tmp_path, 0) if line.level.reaches(Level.WARNING)]
    assert [(line.message, line.level, line.stage) for line in found] == [
        ("the data is odd", Level.WARNING, "train"),
        ("stopped: no memory", Level.ERROR, "train"),
    ]


def test_before_the_first_stage_it_is_about_the_iteration_already(tmp_path):
    with Narration(store=str(tmp_path), others=Notebook()) as narration:
        with pytest.raises(ValueError, match="odd"), narration.turning(7):
            raise ValueError("odd")
        logging.getLogger("flywheel").warning("about nothing")
    begun, stopped = lines_of(tmp_path, 7)
    assert begun.message == "iteration 7 is turned"
    assert (stopped.message, stopped.exception is not None) == ("stopped: odd", True)


def test_an_iteration_is_one_trace_whoever_goes_on_with_it(tmp_path, monkeypatch):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        world = StoredWorld(tmp_path)
        for ports in ({"trainer": FailingTrainer()}, {}):
            narration = Narration(store=str(tmp_path), others=Notebook())
            with suppress(TrainingError), narration, narration.turning():
                world.run(iterations=0, observer=narration.observer, **ports)
    assert {span.name for span in collector.spans} == {"iteration", *STAGES, "final"}
    assert [span.error for span in collector.spans if span.name == "iteration"] == ["no memory", None]
    assert len({span.trace_id for span in collector.spans}) == 1
