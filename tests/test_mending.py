"""Records of a finished run that are lost, in a world whose processes all say what they were asked for."""

from dataclasses import replace

import pytest
from world import World, contents

from flywheel.core.control import IterationState
from flywheel.core.iteration import record_key
from flywheel.journey import incomplete
from flywheel.loop import run
from flywheel.mending import mend


@pytest.fixture
def world():
    """Of three iterations."""
    world = World()
    run(world.ports(), iterations=2)
    return world


def lose(world, number, *stages):
    for stage in stages:
        del world.records._records[record_key(number, stage)]


def forget(table, transaction):
    """As another tool's rewriting of the table would."""
    table._commits = [("rewritten" if name == transaction else name, parts) for name, parts in table._commits]


def mended(world, ports=None):
    """Whether each incomplete iteration has all its records again, and what was said of it."""
    ports = ports or world.ports()
    world.observer.events.clear()
    found = {status.number: mend(status, ports) for status in incomplete(ports.chronicle.control(), ports.records)}
    return found, world.observer.events


def test_what_was_committed_gives_all_records_but_plans_again(world):
    before = contents(world.ports())
    for number, status in world.ports().chronicle.control().iterations.items():
        lose(world, number, *status.stages[1:])
    world.observer.started.clear()
    ports = world.ports()
    found, said = mended(world, ports)
    assert found == {0: True, 1: True, 2: True}
    assert contents(world.ports()) == before
    assert "iteration 1: the record of collect was lost and is made again" in said
    assert (world.observer.started, ports.collectors.asked, ports.endpoint.deployed) == ([], [], [])
    assert incomplete(ports.chronicle.control(), ports.records) == []


def test_it_takes_the_time_that_the_stage_took(world):
    (told,) = [
        entry.details["wall_s"]
        for entry in world.ports().chronicle.control().entries
        if entry.subject == "iterations/1" and entry.details.get("stage") == "relabel"
    ]
    lose(world, 1, "relabel")
    mended(world)
    assert world.records.read(record_key(1, "relabel"))["wall_s"] == told


def test_a_plan_stays_lost_and_with_it_what_follows(world):
    lose(world, 1, "plan", "deploy")
    assert mended(world) == (
        {1: False},
        ["iteration 1: the record of plan stays lost: nothing but the record held the plan"],
    )
    assert world.records.read(record_key(1, "deploy")) is None


@pytest.mark.parametrize(
    ("stage", "lost", "why"),
    [
        ("train", lambda world: world.policies._saved.pop("policy-0001"), "policy-0001 is not in the store any more"),
        ("collect", lambda world: forget(world.episodes, "0001-collect"), "its episodes are not in the store any more"),
        ("relabel", lambda world: forget(world.labels, "0001-relabel"), "its labels are not in the store any more"),
    ],
)
def test_nothing_is_collected_labelled_or_trained_for_it(world, stage, lost, why):
    lose(world, 1, stage)
    lost(world)
    ports = world.ports()
    found, (said,) = mended(world, ports)
    assert found == {1: False}
    assert said.startswith(f"iteration 1: the record of {stage} stays lost: {why}")
    assert ports.trainer.asked == []
    assert world.records.read(record_key(1, stage)) is None


def test_a_record_that_would_say_otherwise_than_the_chronicle_is_not_made(world):
    lose(world, 1, "train")
    found, (said,) = mended(world, replace(world.ports(), plan=replace(world.plan, num_updates=(30, 11))))
    assert found == {1: False}
    assert "made again it says" in said
    assert "'num_updates': 10" in said
    assert world.records.read(record_key(1, "train")) is None


def test_an_iteration_that_did_not_go_to_its_end_is_not_mended(world):
    control = world.ports().chronicle.control()
    lose(world, 1, "collect")
    control.iterations[1] = replace(control.iterations[1], state=IterationState.CANCELLED)
    assert incomplete(control, world.records) == []
