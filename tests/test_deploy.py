import numpy as np
import pytest
from fakes import MemoryEndpoint
from world import PUSH, REACH, World

from flywheel.core.episode import Outcome
from flywheel.core.errors import EndpointError
from flywheel.core.iteration import Iteration, Stage
from flywheel.stages.deploy import deploy
from flywheel.stages.evaluate import evaluate
from flywheel.stages.train import train


def evaluated(world, *, decision, live="policy-0000"):
    """Iteration 1 up to a verdict; the versions are trained and their episodes made."""
    labelled = {Stage.RELABEL: {"episodes_version": 0, "labels_version": 0, "data_digests": {}}}
    train(Iteration(number=0, outcomes=labelled), world.ports())
    outcomes = {**labelled, Stage.TRAIN: train(Iteration(number=1, outcomes=labelled), world.ports())}
    planned = world.planned(Iteration(number=1, live=live, outcomes=outcomes))
    verdict = {**evaluate(planned, world.ports()), "decision": decision}
    return Iteration(number=1, live=live, outcomes={**planned.outcomes, Stage.EVALUATE: verdict})


def test_a_promoted_candidate_becomes_the_live_version():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="promote"), world.ports(endpoint=endpoint))
    assert outcome == {"live": "policy-0001", "deployed": True}
    assert endpoint.deployed == ["policy-0001"]


def test_after_a_rejection_the_endpoint_serves_the_version_before():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="reject"), world.ports(endpoint=endpoint))
    assert outcome == {"live": "policy-0000", "deployed": False}
    assert endpoint.deployed == ["policy-0000"]


def test_a_rejection_without_a_live_version_deploys_nothing():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="reject", live=None), world.ports(endpoint=endpoint))
    assert outcome == {"live": None, "deployed": False}
    assert endpoint.deployed == []


def test_the_endpoint_is_tried_on_one_episode_of_every_task():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    deploy(evaluated(world, decision="promote"), world.ports(endpoint=endpoint))
    # 3 decisions; the observation after the last one is not acted on. H is 1.
    shapes = {"tool": (3, 1, 3), "gripper": (3, 1, 1)}
    assert sorted(endpoint.asked) == [(PUSH, shapes), (REACH, shapes)]


@pytest.mark.parametrize("decision", ["promote", "reject"])
def test_an_endpoint_that_acts_otherwise_than_the_stored_weights_is_refused(decision):
    world = World()
    iteration = evaluated(world, decision=decision)
    smallest = float(np.finfo(np.float32).eps)
    with pytest.raises(EndpointError, match="not as the stored weights of policy-000"):
        deploy(iteration, world.ports(endpoint=MemoryEndpoint(policies=world.policies, spoils=smallest)))


def test_an_endpoint_that_answers_as_another_version_is_refused():
    world = World()
    iteration = evaluated(world, decision="promote")
    endpoint = MemoryEndpoint(policies=world.policies, pretends="policy-0000")
    with pytest.raises(EndpointError, match="answers as policy-0000 and not as the stored weights of policy-0001"):
        deploy(iteration, world.ports(endpoint=endpoint))


def test_the_weights_of_another_version_give_the_impostor_away():
    world = World()
    iteration = evaluated(world, decision="promote")

    class Stale(MemoryEndpoint):
        """Goes on with the version before, under the new name."""

        def deploy(self, policy_id):
            super().deploy("policy-0000")

    with pytest.raises(EndpointError):
        deploy(iteration, world.ports(endpoint=Stale(policies=world.policies, pretends="policy-0001")))


def test_crashed_episodes_prove_nothing_and_are_not_asked_about():
    world = World(script=lambda request, place: Outcome.ERROR if request.task == PUSH else Outcome.SUCCESS)
    endpoint = MemoryEndpoint(policies=world.policies)
    deploy(evaluated(world, decision="promote"), world.ports(endpoint=endpoint))
    assert [task for task, _ in endpoint.asked] == [REACH]
