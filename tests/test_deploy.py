from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from fakes import MemoryEndpoint
from world import PUSH, REACH, World

from flywheel.core.commands import iterations, policies
from flywheel.core.episode import Outcome
from flywheel.core.errors import EndpointError, TakenOverError
from flywheel.core.iteration import Iteration, Stage
from flywheel.stages.deploy import deploy
from flywheel.stages.evaluate import evaluate
from flywheel.stages.train import train

HERE = "this process"
LABELLED = {Stage.RELABEL: {"episodes_version": 0, "labels_version": 0, "data_digests": {}}}


def promote(world, policy_id):
    """By a person."""
    decide = partial(policies.promote, policy_id=policy_id, by="token:ann", reason="by hand")
    world.ports().chronicle.append(decide)


def trained(world, number):
    return train(Iteration(number=number, outcomes=LABELLED), world.ports())


def told(world):
    """Who was made live, by whom, of which iteration and why."""
    deployments = world.ports().chronicle.control().deployments
    return [(some.policy_id, some.by, some.iteration, some.reason) for some in deployments]


def evaluated(world, *, decision, live="policy-0000"):
    """Iteration 1 up to a verdict; the versions are trained, their episodes made, and `live` was made so."""
    append = world.ports().chronicle.append
    for number in (0, 1):
        append(partial(iterations.request, by="token:ann", overrides={}, max_queued=9))
        append(partial(iterations.start, number=number, by="supervisor", owner=HERE))
    if live is not None:
        promote(world, live)
    trained(world, 0)
    outcomes = {**LABELLED, Stage.TRAIN: trained(world, 1)}
    planned = world.planned(Iteration(number=1, live=live, outcomes=outcomes))
    verdict = {**evaluate(planned, world.ports()), "decision": decision, "reason": "so it is"}
    return Iteration(number=1, live=live, outcomes={**planned.outcomes, Stage.EVALUATE: verdict})


def test_a_promoted_candidate_becomes_the_live_version():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="promote"), world.ports(owner=HERE, endpoint=endpoint))
    assert outcome == {"live": "policy-0001", "deployed": True, "reason": "so it is"}
    assert endpoint.deployed == ["policy-0001"]
    assert told(world) == [
        ("policy-0000", "token:ann", None, "by hand"),
        ("policy-0001", "gate", 1, "so it is"),
    ]


def test_after_a_rejection_the_endpoint_serves_the_version_before():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="reject"), world.ports(owner=HERE, endpoint=endpoint))
    assert outcome == {"live": "policy-0000", "deployed": False, "reason": "so it is"}
    assert endpoint.deployed == ["policy-0000"]
    assert told(world) == [("policy-0000", "token:ann", None, "by hand")]


def test_a_rejection_without_a_live_version_deploys_nothing():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    outcome = deploy(evaluated(world, decision="reject", live=None), world.ports(owner=HERE, endpoint=endpoint))
    assert outcome == {"live": None, "deployed": False, "reason": "so it is"}
    assert endpoint.deployed == []
    assert told(world) == []


def test_the_first_version_that_is_promoted_has_none_before_it():
    world = World()
    outcome = deploy(evaluated(world, decision="promote", live=None), world.ports(owner=HERE))
    assert outcome == {"live": "policy-0001", "deployed": True, "reason": "so it is"}
    assert told(world) == [("policy-0001", "gate", 1, "so it is")]


def test_a_promotion_that_was_told_already_is_not_told_again():
    world = World()
    iteration = evaluated(world, decision="promote")
    first = deploy(iteration, world.ports(owner=HERE))
    assert deploy(iteration, world.ports(owner=HERE)) == first
    assert len(told(world)) == 2


def test_a_candidate_that_was_judged_against_a_version_that_is_not_live_any_more_is_not_deployed():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    iteration = evaluated(world, decision="promote")
    trained(world, 7)
    promote(world, "policy-0007")
    outcome = deploy(iteration, world.ports(owner=HERE, endpoint=endpoint))
    assert (outcome["live"], outcome["deployed"]) == ("policy-0007", False)
    assert outcome["reason"] == "policy-0001 was judged against policy-0000, but now policy-0007 is live"
    assert endpoint.deployed == ["policy-0001", "policy-0007"]
    assert [policy_id for policy_id, *_ in told(world)] == ["policy-0000", "policy-0007"]


def test_who_was_taken_over_makes_nothing_live():
    world = World()
    iteration = evaluated(world, decision="promote")
    with pytest.raises(TakenOverError, match=f"iteration 1 was taken over by {HERE}"):
        deploy(iteration, world.ports(owner="another process"))
    assert [policy_id for policy_id, *_ in told(world)] == ["policy-0000"]


def test_an_endpoint_that_acts_otherwise_makes_nothing_live():
    world = World()
    iteration = evaluated(world, decision="promote")
    with pytest.raises(EndpointError):
        deploy(iteration, world.ports(owner=HERE, endpoint=MemoryEndpoint(policies=world.policies, spoils=0.1)))
    assert [policy_id for policy_id, *_ in told(world)] == ["policy-0000"]


def test_the_endpoint_is_tried_on_one_episode_of_every_task():
    world = World()
    endpoint = MemoryEndpoint(policies=world.policies)
    deploy(evaluated(world, decision="promote"), world.ports(owner=HERE, endpoint=endpoint))
    # 3 decisions; the observation after the last one is not acted on. H is 1.
    shapes = {"tool": (3, 1, 3), "gripper": (3, 1, 1)}
    assert sorted(endpoint.asked) == [(PUSH, shapes), (REACH, shapes)]


@pytest.mark.parametrize("decision", ["promote", "reject"])
def test_an_endpoint_that_acts_otherwise_than_the_stored_weights_is_refused(decision):
    world = World()
    iteration = evaluated(world, decision=decision)
    smallest = float(np.finfo(np.float32).eps)
    with pytest.raises(EndpointError, match="not as the stored weights of policy-000"):
        deploy(iteration, world.ports(owner=HERE, endpoint=MemoryEndpoint(policies=world.policies, spoils=smallest)))


def test_an_endpoint_that_answers_as_another_version_is_refused():
    world = World()
    iteration = evaluated(world, decision="promote")
    endpoint = MemoryEndpoint(policies=world.policies, pretends="policy-0000")
    with pytest.raises(EndpointError, match="answers as policy-0000 and not as the stored weights of policy-0001"):
        deploy(iteration, world.ports(owner=HERE, endpoint=endpoint))


def test_the_weights_of_another_version_give_the_impostor_away():
    world = World()
    iteration = evaluated(world, decision="promote")

    class Stale(MemoryEndpoint):
        """Goes on with the version before, under the new name."""

        def deploy(self, policy_id):
            super().deploy("policy-0000")

    with pytest.raises(EndpointError):
        deploy(iteration, world.ports(owner=HERE, endpoint=Stale(policies=world.policies, pretends="policy-0001")))


def test_crashed_episodes_prove_nothing_and_are_not_asked_about():
    world = World(script=lambda request, place: Outcome.ERROR if request.task == PUSH else Outcome.SUCCESS)
    endpoint = MemoryEndpoint(policies=world.policies)
    deploy(evaluated(world, decision="promote"), world.ports(owner=HERE, endpoint=endpoint))
    assert [task for task, _ in endpoint.asked] == [REACH]


def test_nobody_else_deploys_until_what_was_proven_is_recorded():
    world = World()
    seen: list[str] = []

    class Shared(MemoryEndpoint):
        @contextmanager
        def reserved(self):
            seen.append(f"reserved, {world.ports().chronicle.control().live} is live")
            yield
            seen.append(f"{self.deployed[-1]} is served, {world.ports().chronicle.control().live} is live")

    deploy(evaluated(world, decision="promote"), world.ports(owner=HERE, endpoint=Shared(policies=world.policies)))
    assert seen == ["reserved, policy-0000 is live", "policy-0001 is served, policy-0001 is live"]
