"""Who may ask the policy endpoint."""

import pytest

from flywheel.cluster.policy_guard import Guard, NotAllowedError
from flywheel.core.access import Principal, Scope, digest_of

KNOWN = {
    "robot": Principal(name="token:robot", scopes=frozenset({Scope.ACT})),
    "reader": Principal(name="token:reader", scopes=frozenset({Scope.READ})),
}


def status_of(check, authorization: str) -> int:
    try:
        check(authorization)
    except NotAllowedError as refusal:
        return refusal.status
    return 200


@pytest.fixture
def guard() -> Guard:
    guard = Guard(identify=KNOWN.get, open_metrics=False)
    guard.expect(digest_of("own"))
    return guard


@pytest.mark.parametrize(
    ("authorization", "acting", "reading"),
    [
        ("Bearer robot", 200, 200),
        ("bearer robot", 200, 200),
        ("Bearer reader", 403, 200),
        ("Bearer own", 200, 200),
        ("Bearer nobody", 401, 401),
        ("Basic robot", 401, 401),
        ("", 401, 401),
    ],
)
def test_a_token_opens_what_its_scopes_say(guard: Guard, authorization: str, acting: int, reading: int):
    assert status_of(guard.check_acting, authorization) == acting
    assert status_of(guard.check_reading, authorization) == reading


def test_open_metrics_need_no_token_and_acting_still_does():
    guard = Guard(identify=KNOWN.get)
    assert status_of(guard.check_reading, "") == 200
    assert status_of(guard.check_acting, "") == 401


def test_before_the_deployer_is_known_no_secret_is_its(guard: Guard):
    assert status_of(Guard(identify=KNOWN.get).check_acting, "Bearer ") == 401


def test_where_nobody_is_asked_who_they_are_all_may():
    guard = Guard(identify=None, open_metrics=False)
    assert status_of(guard.check_acting, "") == status_of(guard.check_reading, "") == 200
