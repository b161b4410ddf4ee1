import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from flywheel.core.errors import ConfigError
from flywheel.service.signing import KEY_FILE, service_key, signature, signing_secret


def test_a_signature_is_over_the_time_and_the_body():
    by_hand = hmac.new(b"fwh_abc", b'1767603000.{"number":3}', sha256).hexdigest()
    assert signature("fwh_abc", b'{"number":3}', at=1767603000) == f"t=1767603000,v1={by_hand}"


def test_a_secret_follows_from_the_key_and_the_name():
    secret = signing_secret(b"k" * 32, "ci")
    assert secret == signing_secret(b"k" * 32, "ci")
    assert secret.startswith("fwh_")
    assert len({secret, signing_secret(b"k" * 32, "cd"), signing_secret(b"j" * 32, "ci")}) == 3
    assert "k" * 8 not in secret


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    folder = tmp_path / "state"
    key = service_key(given=None, folder=folder)
    assert service_key(given=None, folder=folder) == key
    assert len(key) >= 32
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    assert service_key(given=None, folder=tmp_path / "other") != key


def test_many_processes_at_once_have_one_key(tmp_path):
    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda _: service_key(given=None, folder=tmp_path / "state"), range(64)))
    assert len(set(keys)) == 1


def test_a_key_that_is_given_comes_first_and_is_written_nowhere(tmp_path):
    assert service_key(given=f" {'x' * 32}\n", folder=tmp_path / "state") == b"x" * 32
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("given", ["", "short"])
def test_a_key_that_is_no_secret_is_refused(tmp_path, given):
    with pytest.raises(ConfigError, match="FLYWHEEL_SIGNING_KEY: a key of at least 32 characters"):
        service_key(given=given, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40])
def test_a_damaged_key_file_is_refused_and_stays(tmp_path, content):
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=KEY_FILE):
        service_key(given=None, folder=tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/signing-key: .*or set FLYWHEEL_SIGNING_KEY"):
        service_key(given=None, folder=tmp_path / "file")
