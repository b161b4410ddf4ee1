import os
from dataclasses import replace

import pytest
from test_services import SERVICE

from flywheel import services
from flywheel.client.address import find_address
from flywheel.core.errors import ConfigError

GONE = 2**22 + 1
"""Above what Linux gives: no process has this id."""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def up(tmp_path):
    """Leaves the file of a service, and its token, as `flywheel up` does."""

    def leave(name, *, port, pid=None):
        token_file = tmp_path / f"{name}.token"
        token_file.write_text(f"fw_of_{name}\n")
        service = replace(
            SERVICE,
            name=name,
            url=f"http://127.0.0.1:{port}",
            token_file=str(token_file),
            pid=os.getpid() if pid is None else pid,
        )
        services.write(service)

    return leave


def found(environ=None, **given):
    address = find_address(environ=environ or {}, **given)
    return address.url, address.token


def test_arguments_come_before_the_environment_and_that_before_services(up, tmp_path):
    up("one", port=8000)
    environ = {"FLYWHEEL_URL": "https://far", "FLYWHEEL_TOKEN": "fw_far"}
    assert found(environ, url="http://near", token="fw_near") == ("http://near", "fw_near")
    assert found(environ, token="fw_near") == ("https://far", "fw_near")
    assert found(environ) == ("https://far", "fw_far")
    assert found() == ("http://127.0.0.1:8000", "fw_of_one")


def test_a_token_may_be_in_a_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("fw_filed\n")
    environ = {"FLYWHEEL_URL": "https://far", "FLYWHEEL_TOKEN_FILE": str(path)}
    assert found(environ) == ("https://far", "fw_filed")
    assert found({"FLYWHEEL_URL": "https://far", "FLYWHEEL_TOKEN": "fw_far"}, token_file=path)[1] == "fw_filed"


def test_one_of_several_services_is_chosen_by_name(up):
    up("one", port=8000)
    up("two", port=9000)
    with pytest.raises(ConfigError, match=r"several services are up: .*--service: one \(.*8000\), two \(.*9000\)"):
        found()
    assert found(service="two") == ("http://127.0.0.1:9000", "fw_of_two")
    assert found({"FLYWHEEL_URL": "https://far", "FLYWHEEL_TOKEN": "fw_far"}, service="two") == (
        "http://127.0.0.1:9000",
        "fw_of_two",
    )
    with pytest.raises(ConfigError, match="there is no service three on this machine; there are: one, two"):
        found(service="three")


def test_a_service_whose_process_ended_is_not_chosen(up):
    up("gone", port=8000, pid=GONE)
    with pytest.raises(ConfigError, match=f"no service is up on this machine; gone was, until its process {GONE}"):
        found()
    up("one", port=9000)
    assert found() == ("http://127.0.0.1:9000", "fw_of_one")


def test_nothing_at_all_says_what_helps():
    with pytest.raises(ConfigError, match="`flywheel up` starts one, FLYWHEEL_URL says where another is"):
        found()


def test_the_token_of_a_service_is_given_to_nobody_else(up):
    up("one", port=8000)
    with pytest.raises(ConfigError, match="no token for https://far: set FLYWHEEL_TOKEN"):
        found(url="https://far")
    assert found(url="http://127.0.0.1:8000/") == ("http://127.0.0.1:8000", "fw_of_one")


@pytest.mark.parametrize("url", ["", "far", "ftp://far", "http://", "127.0.0.1:8000"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigError, match="not an address; one looks like http://127.0.0.1:8000"):
        found(url=url, token="fw_near")


def test_the_version_in_an_address_is_left_out():
    assert found(url="http://near/base/v1/", token="fw_near") == ("http://near/base", "fw_near")


@pytest.mark.parametrize("token", ["two words", "fw_\u00fc", "a\nb", "   "])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(token):
    with pytest.raises(ConfigError, match="must be one word of ASCII") as refused:
        found(url="http://near", token=token)
    assert token not in str(refused.value)


def test_two_answers_to_one_question_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="not both"):
        found(url="http://near", service="one")
    with pytest.raises(ConfigError, match="not both"):
        found(url="http://near", token="fw_a", token_file=tmp_path / "token")
    with pytest.raises(ConfigError, match="the token cannot be read"):
        found(url="http://near", token_file=tmp_path / "token")


def test_an_address_does_not_show_its_token():
    assert "fw_near" not in repr(find_address(url="http://near", token="fw_near", environ={}))
