from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import CONTRACT
from pydantic import ValidationError
from seaweed import Seaweed
from shelf import policies_of, policy_files, save_policy

from flywheel.cluster.policy_server import ActRequest, PolicyServer, RequestError
from flywheel.core.errors import CheckpointError, EndpointError, StoreUnavailableError
from flywheel.learning.codec import load_actor
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.store.retries import Patience

REACH: dict[str, Any] = {"hand": [[0.5, -1.0], [2.0, 0.25]], "goal": [[1.0, 1.0], [0.0, -3.0]]}
"""Two observations, without history."""


@pytest.fixture
def store(tmp_path: Path) -> str:
    for seed in (1, 2):
        save_policy(str(tmp_path), f"p{seed}", policy_files(seed=seed))
    return str(tmp_path)


@pytest.fixture
def server(store: str) -> PolicyServer:
    server = PolicyServer(policies=policies_of(store))
    server.load("p1")
    return server


def ask(server: PolicyServer, task: str = "suite/reach", **observations: Any) -> Any:
    return server.act(ActRequest(task=task, observations=observations))


def test_it_answers_what_the_version_does_here(server: PolicyServer):
    answer = ask(server, **REACH)
    actor = load_actor(policy_files(seed=1), origin="here")
    arrays = {name: np.array(values, np.float32)[:, None] for name, values in REACH.items()}
    expected = actor.act(actor.batch(arrays, "suite/reach"), ["suite/reach"] * 2)
    assert answer.policy_version == "p1"
    np.testing.assert_array_equal(np.array(answer.actions, np.float32), expected)


def test_it_goes_on_while_the_store_is_away(fragile_seaweed: Seaweed, fragile_store: str):
    for seed in (1, 2):
        save_policy(fragile_store, f"p{seed}", policy_files(seed=seed))
    policies = ObjectPolicies(objects=open_objects(fragile_store, patience=Patience(deadline_s=0.2)))
    server = PolicyServer(policies=policies)
    server.load("p1")
    before = ask(server, **REACH)
    fragile_seaweed.kill()
    with pytest.raises(StoreUnavailableError):
        server.load("p2")
    assert ask(server, **REACH) == before
    fragile_seaweed.start()
    server.load("p2")
    assert ask(server, **REACH).policy_version == "p2"


def test_a_task_gets_its_own_action_dimensions_only(server: PolicyServer):
    answer = ask(server, "suite/turn", hand=[[0.0, 0.0]], angle=[[1.0]])
    assert np.shape(answer.actions) == (1, CONTRACT.action_sizes["suite/turn"]) == (1, 1)


def test_history_is_given_oldest_first(server: PolicyServer):
    twice = {name: [[row, row] for row in rows] for name, rows in REACH.items()}
    assert ask(server, **twice).actions == ask(server, **REACH).actions


@pytest.mark.parametrize(
    ("task", "observations", "reason"),
    [
        ("suite/throw", REACH, "task: suite/throw is not one of suite/reach, suite/turn"),
        ("suite/reach", {"hand": REACH["hand"]}, "observations.goal: missing; suite/reach needs hand, goal"),
        ("suite/reach", REACH | {"angle": [[1.0], [1.0]]}, "observations.angle: unknown"),
        ("suite/reach", REACH | {"goal": [[1.0], [1.0]]}, r"observations.goal: shape \[2, 1\] is neither \[batch, 2\]"),
        ("suite/reach", REACH | {"goal": [[1.0, 2.0]]}, r"observations.goal: batch and history \[1, 1\]"),
        ("suite/reach", REACH | {"goal": [[1.0, 2.0], [3.0]]}, "observations.goal: its lists differ in length"),
        ("suite/reach", REACH | {"goal": [[1.0, float("nan")], [0.0, 0.0]]}, "observations.goal: holds NaN"),
        ("suite/reach", REACH | {"goal": [[1.0, 1e300], [0.0, 0.0]]}, "observations.goal: holds NaN or infinite"),
        ("suite/reach", REACH | {"goal": [["1", "2"], ["3", "4"]]}, "observations.goal: holds something else"),
        ("suite/reach", REACH | {"goal": [[True, False], [True, True]]}, "observations.goal: holds something else"),
        ("suite/reach", {"hand": [], "goal": []}, r"observations.hand: shape \[0\]"),
        ("suite/reach", {"hand": [[[0.0, 0.0]] * 3], "goal": [[[0.0, 0.0]] * 3]}, r"1 to 2, 2\]"),
    ],
)
def test_a_request_that_does_not_fit_is_told_what_does_not(
    server: PolicyServer, task: str, observations: dict[str, Any], reason: str
):
    with pytest.raises(RequestError, match=reason):
        ask(server, task, **observations)


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="extra"):
        ActRequest.model_validate({"task": "suite/reach", "observations": REACH, "sampled": True})


def test_another_version_takes_over(server: PolicyServer):
    before = ask(server, **REACH)
    server.load("p2")
    after = ask(server, **REACH)
    assert (before.policy_version, after.policy_version) == ("p1", "p2")
    assert before.actions != after.actions


def test_a_version_that_does_not_load_leaves_the_old_one(server: PolicyServer):
    with pytest.raises(CheckpointError):
        server.load("p3")
    assert server.version == "p1"
    assert ask(server, **REACH).policy_version == "p1"


def test_without_a_version_it_says_so(store: str):
    with pytest.raises(EndpointError, match="no policy version"):
        ask(PolicyServer(policies=policies_of(store)), **REACH)
