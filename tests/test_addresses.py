from ipaddress import ip_address

import pytest

from flywheel.core.errors import ConfigError
from flywheel.service.addresses import check_url, is_refused, resolved


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_where_a_request_alone_does_harm_is_refused(address):
    assert is_refused(ip_address(address))


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.0.4", "127.0.0.1", "::1", "fd12::1", "93.184.215.14", "2606:2800::1"]
)
def test_where_receivers_are_is_not(address):
    assert not is_refused(ip_address(address))


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "2852039166", "0xA9FEA9FE"])
def test_however_it_is_spelt(host):
    url = check_url(f"http://{host}/latest/meta-data/")
    with pytest.raises(ConfigError, match=r"link-local or metadata.*allow_link_local"):
        resolved(url, allow_link_local=False)
    assert resolved(url, allow_link_local=True)


def test_a_host_is_looked_up():
    assert set(resolved(check_url("https://localhost/"), allow_link_local=False)) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/", "begins with https:// or http://"),
        ("file:///etc/passwd", "begins with https:// or http://"),
        ("host/path", "begins with https:// or http://"),
        ("https://", "begins with https:// or http://"),
        ("https://ann:secret@host/", "the URL of host holds a name or password"),
        ("https://host/#here", "fragment"),
        ("https://host:99999/", "99999 is no TCP port"),
        ("https://0251.0376.0251.0376/", "not a URL"),
        ("https://[::1/", "not a URL"),
    ],
)
def test_what_is_no_receiver_is_refused_before_anything_is_looked_up(url, problem):
    with pytest.raises(ConfigError, match=problem) as refused:
        check_url(url)
    assert "secret" not in str(refused.value)
