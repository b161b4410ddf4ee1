"""What a client does when requests fail on their way, on real sockets."""

import socket

import pytest
from answering import Stumbling, serving
from desk import Desk, open_desk
from small import small_config

from flywheel.api.application import create_app
from flywheel.client import Flywheel
from flywheel.core.access import Scope
from flywheel.core.errors import (
    ApiAccessError,
    ApiBusyError,
    ApiConflictError,
    ApiError,
    ApiInputError,
    ApiUnknownError,
    UnreachableError,
)


@pytest.fixture
def stumbling(desk):
    return Stumbling(create_app(desk.plane))


@pytest.fixture
def wheel(desk, stumbling):
    with serving(stumbling) as url, Flywheel(url, desk.secrets[Scope.ADMIN]) as client:
        yield client


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(desk, stumbling, wheel):
    stumbling.next = [None, None]
    made = wheel.iterations.create(reason="once")
    assert made.number == 0
    assert len(desk.plane.chronicle.control().iterations) == 1
    keys = [headers["idempotency-key"] for _, _, headers in stumbling.asked]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_calls_have_two_keys_unless_the_caller_names_one(desk, stumbling, wheel):
    assert [wheel.iterations.create().number for _ in range(2)] == [0, 1]
    assert [wheel.iterations.create(key="mine").number for _ in range(2)] == [2, 2]


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again_when_it_says(stumbling, wheel, status):
    stumbling.next = [(status, {"Retry-After": "0"})] * 3
    assert wheel.iterations.create().number == 0
    assert len(stumbling.asked) == 4


def test_a_wait_that_is_longer_than_the_patience_is_not_begun(stumbling, wheel):
    stumbling.next = [(429, {"Retry-After": "3600"})]
    with pytest.raises(ApiBusyError) as refused:
        wheel.iterations.create()
    assert (refused.value.status, refused.value.retry_after_s) == (429, 3600)
    assert len(stumbling.asked) == 1


def test_a_service_without_any_limit_left_says_so_itself(tmp_path):
    desk = open_desk(tmp_path / "store", small_config(), requests_per_minute=1)
    with serving(create_app(desk.plane)) as url, Flywheel(url, desk.secrets[Scope.READ], timeout_s=0.1) as client:
        list(client.iterations.all())
        with pytest.raises(ApiBusyError, match=r"too many requests: again in \d+ s \(429 Too Many Requests\)"):
            list(client.iterations.all())


def test_what_the_service_refuses_is_refused_at_once_in_its_words(desk, stumbling, wheel):
    wheel.iterations.create()
    wheel.iterations.cancel(0)
    stumbling.asked.clear()
    cases = [
        (ApiConflictError, 409, "Conflict", "iteration 0 is cancelled already", lambda: wheel.iterations.cancel(0)),
        (ApiUnknownError, 404, "Not Found", "there is no iteration 9", lambda: wheel.iterations.get(9)),
        (
            ApiInputError,
            422,
            "Unprocessable Content",
            "overrides.trian",
            lambda: wheel.iterations.create(overrides={"trian": {}}),
        ),
        (ApiInputError, 422, "Unprocessable Content", "state", lambda: list(wheel.iterations.all(state="odd"))),
    ]
    for kind, status, title, words, call in cases:
        with pytest.raises(kind, match=words) as refused:
            call()
        assert words in refused.value.detail
        assert refused.value.status == status
        assert refused.value.title in (title, "Unprocessable Entity")
    assert len(stumbling.asked) == len(cases)


def test_who_has_no_valid_token_is_told(desk: Desk, wheel):
    for secret, status in (("fw_wrong", 401), (desk.secrets[Scope.ACT], 403)):
        with Flywheel(wheel.url, secret) as stranger, pytest.raises(ApiAccessError) as refused:
            stranger.iterations.get(0)
        assert refused.value.status == status
        assert secret not in str(refused.value)


def test_where_nothing_answers_it_is_said_after_the_patience_ends():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with Flywheel(url, "fw_any", timeout_s=0.3) as client, pytest.raises(UnreachableError, match=f"answers at {url}: "):
        client.iterations.get(0)


def test_where_something_else_answers_it_is_said():
    async def other(scope, receive, send):
        kind, body = (b"text/html", b"<html>hello</html>")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})

    app = Stumbling(other)
    with serving(app) as url, Flywheel(url, "fw_any") as client:
        with pytest.raises(ApiError, match=r"iterations/0: not an answer of flywheel's API: .*\(200 OK\)"):
            client.iterations.get(0)
        with pytest.raises(ApiError, match="not an answer of flywheel's API: Expected response with content type"):
            list(client.iterations.follow(0))
        app.next = [(302, {"Location": "https://elsewhere"}), (502, {})]
        with pytest.raises(ApiError, match=r"not an answer of flywheel's API \(302 Found\)"):
            client.iterations.get(0)
        with pytest.raises(ApiError, match=r"not an answer of flywheel's API \(502 Bad Gateway\)"):
            client.iterations.get(0)
