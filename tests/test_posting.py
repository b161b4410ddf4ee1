import pytest
from certificates import certified
from receiver import CLOSE, HANG, closed_port, receiving

from flywheel.service.posting import Answer, Poster

HEADERS = {"Content-Type": "application/json", "Flywheel-Event": "policy.promoted"}


@pytest.fixture
def poster():
    poster = Poster(timeout_s=10.0, allow_link_local=False)
    yield poster
    poster.close()


def test_what_is_sent_arrives(poster):
    with receiving() as receiver:
        answer = poster.post(receiver.url, b'{"a":1}', headers=HEADERS)
    assert answer == Answer(status=204)
    assert answer.accepted
    (arrived,) = receiver.delivered
    assert (arrived.path, arrived.body) == ("/hook?to=me", b'{"a":1}')
    assert arrived.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert arrived.headers["flywheel-event"] == "policy.promoted"
    assert arrived.headers["content-length"] == "7"


def test_a_name_is_looked_up_and_sent_as_the_host(poster):
    # A machine may have another address for it, where nobody listens, and try that one first.
    with receiving() as receiver:
        answer = poster.post(f"http://localhost:{receiver.port}/", b"{}", headers=HEADERS)
    assert answer.accepted
    assert receiver.delivered[0].headers["host"] == f"localhost:{receiver.port}"


def test_the_certificate_is_of_the_name_though_the_address_is_connected_to(tmp_path, monkeypatch):
    encrypted, authority = certified("localhost", tmp_path)
    with receiving(encrypted=encrypted) as receiver:
        distrustful = Poster(timeout_s=10.0, allow_link_local=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        trusting = Poster(timeout_s=10.0, allow_link_local=False)
        url = f"https://localhost:{receiver.port}/"
        assert trusting.post(url, b"{}", headers=HEADERS).accepted
        for poster, wrong in ((distrustful, url), (trusting, url.replace("localhost", "127.0.0.1"))):
            assert "CERTIFICATE_VERIFY_FAILED" in poster.post(wrong, b"{}", headers=HEADERS).problem
    assert len(receiver.delivered) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(poster, status):
    with receiving() as other, receiving(status, location=other.url) as receiver:
        answer = poster.post(receiver.url, b"{}", headers=HEADERS)
    assert answer == Answer(status=status, problem=f"answered {status}: a redirect, which is not followed")
    assert not answer.accepted
    assert other.delivered == []


@pytest.mark.parametrize(
    ("status", "refused"), [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True)]
)
def test_an_answer_may_be_a_refusal(poster, status, refused):
    with receiving(status) as receiver:
        answer = poster.post(receiver.url, b"{}", headers=HEADERS)
    assert (answer.status, answer.accepted, answer.refused) == (status, False, refused)
    assert answer.problem.startswith(f"answered {status}: ")


def test_one_that_hangs_is_left():
    poster = Poster(timeout_s=0.2, allow_link_local=False)
    with receiving(HANG) as receiver:
        answer = poster.post(receiver.url, b"{}", headers=HEADERS)
        assert (answer.status, answer.problem.split(":")[0]) == (None, "ReadTimeout")
    poster.close()


def test_one_that_hangs_up_is_left(poster):
    with receiving(CLOSE) as receiver:
        answer = poster.post(receiver.url, b"{}", headers=HEADERS)
    assert (answer.status, answer.problem.split(":")[0]) == (None, "RemoteProtocolError")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:{port}/", "ConnectError"),
        ("http://nobody.invalid/", "[Errno"),
        ("http://169.254.169.254/latest", "169.254.169.254 is 169.254.169.254, a link-local"),
        ("ftp://127.0.0.1/", "'ftp://127.0.0.1/': a URL that begins with"),
        (f"http://{'a' * 70}.example/", ""),
    ],
)
def test_where_nobody_is_is_no_error_of_ours(poster, url, problem):
    answer = poster.post(url.format(port=closed_port()), b"{}", headers=HEADERS)
    assert answer.status is None
    assert answer.problem.startswith(problem)
    assert answer.problem


def test_a_receivers_cookies_are_forgotten(poster):
    with receiving() as receiver:
        for _ in range(2):
            poster.post(receiver.url, b"{}", headers=HEADERS)
    assert all("cookie" not in arrived.headers for arrived in receiver.delivered)


def test_the_environments_proxy_is_not_used(poster, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with receiving() as receiver:
        assert Poster(timeout_s=10.0, allow_link_local=False).post(receiver.url, b"{}", headers=HEADERS).accepted


def test_urls_are_not_logged(poster, caplog):
    with caplog.at_level("DEBUG"), receiving() as receiver:
        poster.post(receiver.url, b"{}", headers=HEADERS)
    assert "to=me" not in caplog.text
