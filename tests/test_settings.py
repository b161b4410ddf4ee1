import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from flywheel.core.errors import ConfigError
from flywheel.store.settings import S3Settings

KEYS = {"AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "the-secret"}
NO_ROLE = {"AWS_EC2_METADATA_DISABLED": "true"}


def settings(tmp_path, **environ: str) -> S3Settings:
    return S3Settings.from_environment({"HOME": str(tmp_path), **environ})


def write_profiles(path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


PROFILES = """
[default]
aws_access_key_id = default-key
aws_secret_access_key = default-secret
[other]
aws_access_key_id = other-key
aws_secret_access_key = other-secret
aws_session_token = other-token
"""


def test_without_more_than_keys_it_is_amazon_over_tls(tmp_path):
    made = settings(tmp_path, **KEYS)
    assert made.url == "https://s3.us-east-1.amazonaws.com"
    assert (made.credentials.retrieve().access_key, made.credentials.retrieve().secret_key) == ("the-key", "the-secret")


def test_endpoint_region_and_token_are_the_environments(tmp_path):
    made = settings(
        tmp_path,
        **KEYS,
        AWS_SESSION_TOKEN="the-token",
        AWS_ENDPOINT_URL="http://host:1",
        AWS_DEFAULT_REGION="eu-west-1",
    )
    assert (made.url, made.region, made.credentials.retrieve().session_token) == (
        "http://host:1",
        "eu-west-1",
        "the-token",
    )
    both = settings(tmp_path, **KEYS, AWS_ENDPOINT_URL="http://a:1", AWS_ENDPOINT_URL_S3="https://b:2")
    assert both.url == "https://b:2"
    assert settings(tmp_path, **KEYS, AWS_REGION="a", AWS_DEFAULT_REGION="b").region == "a"


@pytest.mark.parametrize("url", ["host:9000", "ftp://host", "http://host/path", "http://user:secret@host", "https://"])
def test_an_endpoint_is_a_host_and_nothing_else(tmp_path, url):
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL: must be") as caught:
        settings(tmp_path, **KEYS, AWS_ENDPOINT_URL=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(KEYS))
def test_half_of_a_key_is_not_enough(tmp_path, name):
    (missing,) = KEYS.keys() - {name}
    with pytest.raises(ConfigError, match=f"{missing} is not set") as caught:
        settings(tmp_path, **{name: KEYS[name]})
    assert KEYS[name] not in str(caught.value)


def test_a_profile_of_the_credentials_file_is_used(tmp_path):
    write_profiles(tmp_path / ".aws" / "credentials", PROFILES)
    assert settings(tmp_path).credentials.retrieve().access_key == "default-key"
    other = settings(tmp_path, AWS_PROFILE="other").credentials.retrieve()
    assert (other.access_key, other.session_token) == ("other-key", "other-token")
    assert settings(tmp_path, **KEYS).credentials.retrieve().access_key == "the-key"


def test_the_credentials_file_may_lie_elsewhere(tmp_path):
    path = write_profiles(tmp_path / "elsewhere" / "keys", PROFILES)
    made = settings(tmp_path, AWS_SHARED_CREDENTIALS_FILE=path)
    assert made.credentials.retrieve().access_key == "default-key"


@pytest.mark.parametrize(
    "text", ["", "[default]\n", "[default]\naws_access_key_id = k\n", "[default]\naws_secret_access_key = s\n", "so=so"]
)
def test_a_profile_that_does_not_do_is_named_and_shows_no_secret(tmp_path, text):
    path = write_profiles(tmp_path / "keys", text)
    with pytest.raises(ConfigError, match=f"{path}: has no usable profile default"):
        settings(tmp_path, AWS_SHARED_CREDENTIALS_FILE=path)


def test_a_profile_that_was_asked_for_must_be_there(tmp_path):
    write_profiles(tmp_path / ".aws" / "credentials", PROFILES)
    with pytest.raises(ConfigError, match=r"credentials: has no usable profile third"):
        settings(tmp_path, AWS_PROFILE="third")


class Metadata(BaseHTTPRequestHandler):
    """What a machine with a role asks for its credentials."""

    def do_GET(self) -> None:
        self._answer(b"the-role" if self.path.endswith("/security-credentials/") else json.dumps(ROLE).encode())

    def do_PUT(self) -> None:
        self._answer(b"metadata token")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


ROLE = {
    "Code": "Success",
    "AccessKeyId": "role-key",
    "SecretAccessKey": "role-secret",
    "Token": "role-token",
    "Expiration": "2999-01-01T00:00:00Z",
}


@pytest.fixture
def metadata() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_machines_role_is_used_when_nothing_else_is_given(tmp_path, metadata):
    made = settings(tmp_path, AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata).credentials.retrieve()
    assert (made.access_key, made.session_token) == ("role-key", "role-token")


def test_where_nothing_is_given_the_error_lists_the_ways(tmp_path):
    for environ in (NO_ROLE, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}):
        with pytest.raises(ConfigError, match="no credentials for S3") as caught:
            settings(tmp_path, **environ)
        for way in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "a role"):
            assert way in str(caught.value)


def test_a_file_of_certificates_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="FLYWHEEL_S3_CA_FILE: there is no file /nowhere"):
        settings(tmp_path, **KEYS, FLYWHEEL_S3_CA_FILE="/nowhere")


def test_secrets_are_in_no_text(tmp_path):
    assert "the-secret" not in repr(settings(tmp_path, **KEYS))
    assert "the-key" not in repr(settings(tmp_path, **KEYS))
