from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import CONTRACT
from pydantic import ValidationError
from seaweed import Seaweed
from shelf import policies_of, policy_files, save_policy
from told import Clock, Told

from flywheel.cluster.meter import Ending
from flywheel.cluster.policy_server import ActRequest, ActResponse, PolicyServer, RequestError
from flywheel.cluster.sessions import Sessions
from flywheel.core.errors import CheckpointError, DeadlineError, EndpointError, StoreUnavailableError
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


class Timed:
    """A server whose clock and meter are at hand."""

    def __init__(self, store: str, *, max_sessions: int = 100) -> None:
        self.clock, self.told = Clock(), Told()
        self.server = PolicyServer(
            policies=policies_of(store),
            meter=self.told,
            sessions=Sessions(idle_limit_s=60.0, max_sessions=max_sessions),
            now=self.clock,
        )

    def version(self, session: str | None = None) -> str:
        return self.act(session=session).policy_version

    def act(self, *, arrived: float | None = None, **more: Any) -> ActResponse:
        return self.server.act(ActRequest(task="suite/reach", observations=REACH, **more), arrived=arrived)


@pytest.fixture
def timed(store: str) -> Timed:
    for seed in (3, 4, 5):
        save_policy(store, f"p{seed}", policy_files(seed=seed))
    timed = Timed(store)
    timed.server.load("p1")
    return timed


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


def test_a_session_keeps_the_version_that_first_answered_it(timed: Timed):
    assert timed.version("old") == "p1"
    before = timed.act(session="old")
    timed.server.load("p2")
    assert timed.act(session="old") == before
    assert [timed.version("new"), timed.version(), timed.version("old")] == ["p2", "p2", "p1"]


def test_a_session_that_was_idle_for_too_long_is_over(timed: Timed):
    timed.version("a")
    timed.server.load("p2")
    timed.clock.now += 60.0
    assert timed.version("a") == "p1"
    timed.clock.now += 60.1
    assert timed.version("a") == "p2"


def test_no_more_than_three_earlier_versions_stay_and_sessions_of_the_oldest_go_on_with_the_live_one(timed: Timed):
    for seed in (1, 2, 3, 4):
        timed.server.load(f"p{seed}")
        assert timed.version(f"since-{seed}") == f"p{seed}"
    assert timed.version("since-1") == "p1"
    timed.server.load("p5")
    assert [timed.version(f"since-{seed}") for seed in (1, 2, 3, 4)] == ["p5", "p2", "p3", "p4"]
    # From then on it keeps that one.
    timed.server.load("p1")
    assert timed.version("since-1") == "p5"


def test_a_version_that_is_live_again_answers_its_sessions_as_live(timed: Timed):
    timed.version("a")
    timed.server.load("p2")
    timed.version("b")
    timed.version("c")
    timed.server.load("p1")
    assert [timed.version("a"), timed.version("b")] == ["p1", "p2"]
    assert timed.told.heard[-4:] == [
        ("sessions", (1, 2)),
        ("serves", "p1"),
        ("acted", (0.0, 2, None)),
        ("acted", (0.0, 2, None)),
    ]


def test_of_too_many_sessions_the_one_that_was_idle_longest_is_forgotten(store: str):
    timed = Timed(store, max_sessions=2)
    timed.server.load("p1")
    for session in ("a", "b", "a", "c"):
        timed.version(session)
    timed.server.load("p2")
    assert [timed.version("a"), timed.version("c"), timed.version("b")] == ["p1", "p1", "p2"]


def test_a_request_that_was_not_answered_begins_no_session(timed: Timed):
    with pytest.raises(RequestError):
        timed.server.act(ActRequest(task="suite/reach", observations={}, session="a"))
    with pytest.raises(DeadlineError):
        timed.act(session="a", deadline_s=0.1, arrived=timed.clock.now - 0.2)
    timed.server.load("p2")
    assert timed.version("a") == "p2"


def test_sessions_that_are_over_leave_the_count_without_a_request(timed: Timed):
    timed.version("a")
    timed.version("b")
    timed.server.load("p2")
    timed.clock.now += 61.0
    timed.server.tidy()
    counts = [what for kind, what in timed.told.heard if kind == "sessions"]
    assert counts == [(0, 0), (1, 0), (2, 0), (0, 2), (0, 0)]


def test_an_answer_says_what_is_left_of_its_deadline(timed: Timed):
    assert timed.act(deadline_s=0.5, arrived=timed.clock.now - 0.2).valid_for_s == pytest.approx(0.3)
    assert timed.act().valid_for_s is None


def test_a_request_that_waited_past_its_deadline_is_not_computed(timed: Timed):
    with pytest.raises(DeadlineError, match=r"200\.0 ms after its arrival .* its deadline is 100 ms"):
        # Not even looked at: it fits no version.
        timed.server.act(ActRequest(task="no such", observations={}, deadline_s=0.1), arrived=timed.clock.now - 0.2)
    assert timed.told.heard[-1] == ("missed", 0.2)


def test_an_action_that_took_longer_than_the_deadline_is_not_given(timed: Timed):
    timed.clock.step = 0.03
    with pytest.raises(DeadlineError):
        timed.act(deadline_s=0.05)
    assert timed.told.heard[-1][0] == "missed"
    assert timed.act(deadline_s=0.5).valid_for_s == pytest.approx(0.44)


def test_the_meter_hears_of_every_request_once(timed: Timed, store: str):
    timed.told.heard.clear()
    arrived = timed.clock.now - 0.25
    timed.act(arrived=arrived)
    timed.act(arrived=arrived, age_s=0.5)
    with pytest.raises(RequestError):
        timed.server.act(ActRequest(task="suite/throw", observations=REACH))
    with pytest.raises(DeadlineError):
        timed.act(arrived=arrived, deadline_s=0.01)
    assert timed.told.heard == [
        ("acted", (0.25, 2, None)),
        ("acted", (0.25, 2, 0.75)),
        ("turned away", Ending.UNFIT),
        ("missed", 0.25),
    ]
    idle = Timed(store)
    with pytest.raises(EndpointError):
        idle.act()
    assert idle.told.heard == [("turned away", Ending.UNREADY)]


def test_what_nobody_foresaw_is_counted_too(timed: Timed):
    def broken() -> float:
        raise ZeroDivisionError

    timed.server = PolicyServer(policies=policies_of("unused"), meter=timed.told, now=broken)
    with pytest.raises(ZeroDivisionError):
        timed.act(arrived=0.0)
    assert timed.told.heard[-1] == ("turned away", Ending.FAILED)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("age_s", -0.1, "greater than or equal to 0"),
        ("age_s", float("nan"), "finite number"),
        ("age_s", 1.7e9, "less than or equal to 3600"),
        ("deadline_s", 0.0, "greater than 0"),
        ("deadline_s", float("inf"), "finite number|less than"),
        ("session", "", "at least 1 character"),
        ("session", "s" * 129, "at most 128 characters"),
        ("session", "two words", "should match pattern"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(field: str, value: Any, reason: str):
    with pytest.raises(ValidationError, match=reason):
        ActRequest.model_validate({"task": "suite/reach", "observations": REACH, field: value})


def test_sessions_of_many_threads_are_each_answered_by_one_version(timed: Timed):
    """While versions change, of any session all answers but those after an eviction are of one version."""
    with ThreadPoolExecutor(8) as pool:
        asked = [(f"s{number % 8}", pool.submit(timed.version, f"s{number % 8}")) for number in range(200)]
        timed.server.load("p2")
        timed.server.load("p3")
        answers: dict[str, set[str]] = {}
        for session, answer in asked:
            answers.setdefault(session, set()).add(answer.result())
    assert len(answers) == 8
    assert all(len(versions) == 1 for versions in answers.values())
