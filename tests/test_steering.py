"""The endpoint follows what people decide."""

from contextlib import contextmanager, nullcontext

import pytest
from chronicles import chronicle, doing
from fakes import MemoryEndpoint, MemoryPolicies

from flywheel.core.commands import iterations, policies
from flywheel.core.entry import Action
from flywheel.core.errors import EndpointError, StoreUnavailableError, VersionRefusedError
from flywheel.service.steering import Steering


class Endpoint(MemoryEndpoint):
    def __init__(self, **failures: Exception):
        super().__init__(policies=MemoryPolicies())
        self.failures = failures
        self.reservations = nullcontext()

    def reserved(self):
        return self.reservations

    def deploy(self, policy_id: str) -> None:
        if policy_id in self.failures:
            raise self.failures[policy_id]
        self.deployed.append(policy_id)


def promoted(policy_id: str, *, iteration: int | None = None):
    return doing(policies.promote, policy_id, by="token:a", reason="better", iteration=iteration)


def test_after_a_start_it_serves_what_is_live_and_then_what_people_decide():
    told, endpoint = chronicle(), Endpoint()
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    steering.tick()
    assert endpoint.deployed == []
    told.append(promoted("p0", iteration=0))
    told.append(promoted("p1", iteration=1))
    after = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    after.tick()
    after.tick()
    assert endpoint.deployed == ["p1"]
    told.append(doing(policies.roll_back, by="token:a", reason="drops cups"))
    after.tick()
    assert endpoint.deployed == ["p1", "p0"]


def turned(told, number: int, owner: str, *, policy_id: str, judged_against: str):
    """A gate's promotion, in a process."""
    told.append(doing(iterations.request, by="token:a", overrides={}, max_queued=9))
    told.append(doing(iterations.start, number, by="supervisor", owner=owner))
    judged = {"iteration": number, "judged_against": judged_against, "reason": "better"}
    told.append(doing(policies.promote_by_gate, policy_id, **judged, owner=owner))


def test_what_a_gate_promotes_here_the_stage_itself_deploys_and_what_one_promotes_elsewhere_is_followed():
    told, endpoint = chronicle(), Endpoint()
    told.append(promoted("p0", iteration=0))
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    steering.tick()
    turned(told, 0, "process 1", policy_id="p1", judged_against="p0")
    steering.tick()
    assert endpoint.deployed == ["p0"]
    turned(told, 1, "process 2", policy_id="p2", judged_against="p1")
    steering.tick()
    assert endpoint.deployed == ["p0", "p2"]


def test_what_was_proven_elsewhere_stays_live_though_it_cannot_be_served_here():
    told, endpoint = chronicle(), Endpoint(p1=EndpointError("too little memory"))
    told.append(promoted("p0", iteration=0))
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    steering.tick()
    turned(told, 0, "process 2", policy_id="p1", judged_against="p0")
    steering.tick()
    steering.tick()
    assert (told.control().live, endpoint.deployed) == ("p1", ["p0"])


def test_a_version_that_cannot_be_served_gives_way_to_the_one_before():
    told, endpoint = chronicle(), Endpoint(p1=EndpointError("it is damaged"))
    told.append(promoted("p0", iteration=0))
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    steering.tick()
    told.append(promoted("p1"))
    steering.tick()
    newest = told.control().entries[-1]
    assert (newest.action, newest.by, newest.reason) == (
        Action.POLICY_ROLLED_BACK,
        "supervisor",
        "cannot be served: it is damaged",
    )
    assert told.control().live == "p0"


def test_an_endpoint_that_is_slow_to_start_costs_no_version():
    told, endpoint = chronicle(), Endpoint(p1=EndpointError("does not answer after 120 s"))
    told.append(promoted("p0", iteration=0))
    told.append(promoted("p1", iteration=1))
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    with pytest.raises(EndpointError, match="does not answer"):
        steering.tick()
    endpoint.failures.clear()
    steering.tick()
    assert (told.control().live, endpoint.deployed) == ("p1", ["p1"])


def test_a_version_that_is_refused_after_a_start_gives_way_too():
    told, endpoint = chronicle(), Endpoint(p1=VersionRefusedError("weights are missing"))
    told.append(promoted("p0", iteration=0))
    told.append(promoted("p1", iteration=1))
    Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1").tick()
    assert told.control().live == "p0"


def test_while_the_store_is_away_it_tries_again():
    told, endpoint = chronicle(), Endpoint(p0=StoreUnavailableError("away"))
    told.append(promoted("p0"))
    steering = Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1")
    for _ in range(2):
        try:
            steering.tick()
        except StoreUnavailableError:
            continue
    endpoint.failures.clear()
    steering.tick()
    assert endpoint.deployed == ["p0"]


def test_what_a_stage_deploys_while_it_waits_for_the_endpoint_is_what_it_follows():
    told, endpoint = chronicle(), Endpoint()
    told.append(promoted("p0", iteration=0))

    @contextmanager
    def after_a_stage():
        told.append(promoted("p1", iteration=1))
        yield

    endpoint.reservations = after_a_stage()
    Steering(chronicle=told, endpoint=endpoint, by="supervisor", owner="process 1").tick()
    assert endpoint.deployed == ["p1"]
