import logging
import os
import pickle
import shutil
import subprocess
import sys
import traceback
from datetime import UTC, datetime

import pytest
import urllib3
from factories import random_episode
from odd_store import Fault, OddStore
from s3_store import new_store
from seaweed import SECRET_KEY, Seaweed

from flywheel.backup.vault import open_vault
from flywheel.core.errors import ConfigError, NotFoundError, RecordExistsError, StoreError, StoreUnavailableError
from flywheel.store.blocks import BLOCK_BYTES
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.retries import Patience
from flywheel.store.s3 import PART_BYTES

BRIEF = Patience(deadline_s=0.3, attempt_s=2.0)


@pytest.fixture
def odd():
    with OddStore() as server:
        yield server


def everything_of(failure: BaseException) -> str:
    return "".join(traceback.format_exception(failure)) + repr(failure.__cause__)


def test_an_object_larger_than_a_part_is_whole(s3_store):
    objects = open_objects(s3_store)
    data = os.urandom(PART_BYTES + 1)
    objects.put("large", data)
    assert objects.get("large") == data
    assert objects.get_range("large", PART_BYTES - 1, 10) == data[-2:]
    with objects.open("large") as file:
        file.seek(PART_BYTES)
        assert (file.read(5), file.size()) == (data[-1:], len(data))


def test_a_store_that_is_away_between_two_blocks_gets_the_rest(fragile_seaweed, fragile_store):
    content = [os.urandom(BLOCK_BYTES), os.urandom(BLOCK_BYTES), b"end"]

    def interrupted():
        yield from content[:2]
        fragile_seaweed.kill()
        fragile_seaweed.start()
        yield content[2]

    objects = open_objects(fragile_store)
    objects.put_blocks("a", interrupted())
    assert objects.get("a") == b"".join(content)


def test_stores_of_one_bucket_do_not_see_one_another(s3_store):
    open_objects(s3_store).put("a", b"")
    assert list(open_objects(f"{s3_store}2").keys("")) == []
    assert list(open_objects(f"{s3_store}/deeper").keys("")) == []


def test_a_page_in_the_store_opens_as_a_page(s3_store):
    objects = open_objects(s3_store)
    objects.put("report.html", b"<html>")
    answer = urllib3.request("GET", objects.presign("report.html", expires_s=60))
    assert (answer.data, answer.headers["Content-Type"]) == (b"<html>", "text/html")


def test_a_presigned_url_expires(s3_store):
    objects = open_objects(s3_store)
    objects.put("a", b"secret")
    url = objects.presign("a", expires_s=1)
    deadline = datetime.now(UTC).timestamp() + 10
    while urllib3.request("GET", url).status == 200:
        assert datetime.now(UTC).timestamp() < deadline
    assert urllib3.request("GET", url).status == 403


def test_what_travels_holds_no_secret_and_finds_its_own_settings(s3_store, monkeypatch):
    objects = open_objects(s3_store, patience=BRIEF)
    sent = pickle.dumps(objects)
    assert SECRET_KEY.encode() not in sent
    pickle.loads(sent).put("a", b"b")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not set"):
        pickle.loads(sent)


def test_there_is_one_clear_error_where_there_is_no_bucket(s3_store):
    objects = open_objects("s3://nobody-made-this/store")
    for call in (lambda: objects.get("a"), lambda: objects.put("a", b""), lambda: list(objects.keys(""))):
        with pytest.raises(StoreError, match=r"s3://nobody-made-this/store/.*: there is no such bucket: create it"):
            call()
    with pytest.raises(StoreError, match=r"s3://nobody-made-this/store/a: there is no such bucket"):
        objects.put_if_absent("a", b"")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("AWS_SECRET_ACCESS_KEY", "the secret key is wrong"), ("AWS_ACCESS_KEY_ID", "the access key is unknown")],
)
def test_wrong_credentials_are_one_clear_error_and_in_no_text(s3_store, monkeypatch, caplog, name, reason):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(name, "not-the-right-one")
    objects = open_objects(s3_store)
    for call in (lambda: objects.get("a"), lambda: objects.put_if_absent("a", b""), lambda: list(objects.keys("a"))):
        with pytest.raises(StoreError, match=f"{s3_store}/a: {reason}: check {name}") as caught:
            call()
        assert not isinstance(caught.value, StoreUnavailableError)
        for secret in (SECRET_KEY, "not-the-right-one"):
            assert secret not in everything_of(caught.value) + caplog.text + repr(objects)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "RequestTimeTooSkewed", "clock differs too much from the store's: set it"),
        (403, "AccessDenied", "access is denied"),
        (400, "ExpiredToken", "the session token has expired"),
        (301, "PermanentRedirect", "the bucket is in another region"),
        (507, "InsufficientStorage", "the store is full"),
        (400, "MalformedSomething", "the store refuses: 400 MalformedSomething: as told"),
    ],
)
def test_what_waiting_does_not_mend_fails_at_once_with_the_reason(odd, status, code, reason):
    objects = odd.objects()
    for call in (lambda: objects.get("a"), lambda: objects.put_if_absent("a", b"")):
        odd.faults.append(Fault(status, code))
        odd.requests.clear()
        with pytest.raises(StoreError, match=f"s3://bucket/a: .*{reason}") as caught:
            call()
        assert not isinstance(caught.value, StoreUnavailableError)
        assert len(odd.requests) == 1


def test_what_does_not_speak_s3_is_told_as_that(odd):
    for call in (lambda: odd.objects().get("a"), lambda: odd.objects().put_if_absent("a", b"")):
        odd.faults.append(Fault(404, "", kind="text/html"))
        odd.requests.clear()
        with pytest.raises(StoreError):
            call()
        assert len(odd.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalError"),
        (502, ""),
        (503, "SlowDown"),
        (504, ""),
        (429, "TooMany"),
        (400, "RequestTimeout"),
        (0, ""),
    ],
)
def test_what_passes_by_itself_is_tried_again(odd, status, code):
    objects = odd.objects()
    odd.faults.extend([Fault(status, code)] * 2)
    objects.put("a", b"1")
    odd.faults.append(Fault(status, code))
    assert objects.get("a") == b"1"
    odd.faults.append(Fault(status, code))
    objects.put_if_absent("b", b"2")
    odd.faults.append(Fault(status, code))
    objects.delete("b")
    assert odd.stored == {"/bucket/a": b"1"}


def test_a_put_if_absent_whose_answer_was_lost_has_succeeded(odd):
    odd.faults.append(Fault())
    odd.objects().put_if_absent("a", b"mine")
    assert odd.stored == {"/bucket/a": b"mine"}
    assert [method for method, _ in odd.requests] == ["PUT", "PUT", "GET"]


def test_a_put_if_absent_that_failed_and_then_finds_anothers_object_has_not(odd):
    odd.stored["/bucket/a"] = b"another's"
    odd.faults.append(Fault(503, "SlowDown"))
    with pytest.raises(RecordExistsError, match="s3://bucket/a: is already there"):
        odd.objects().put_if_absent("a", b"mine")
    assert odd.stored == {"/bucket/a": b"another's"}


def test_the_same_bytes_are_refused_where_no_answer_was_lost(odd):
    odd.objects().put_if_absent("a", b"mine")
    with pytest.raises(RecordExistsError):
        odd.objects().put_if_absent("a", b"mine")


def test_a_store_that_stays_away_is_told_with_what_was_tried(odd):
    odd.faults.extend([Fault(503, "SlowDown")] * 1000)
    with pytest.raises(StoreUnavailableError, match=r"s3://bucket/a: the store answers 503 SlowDown.* .\d+ attempt"):
        odd.objects(patience=BRIEF).get("a")


def test_where_nobody_listens_the_store_is_away(s3_store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    objects = open_objects(s3_store, patience=BRIEF)
    with pytest.raises(StoreUnavailableError, match=f"{s3_store}/a: the store does not answer: .*refused"):
        objects.get("a")
    with pytest.raises(StoreUnavailableError, match="refused"):
        list(objects.keys(""))


READER = """
import sys
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
objects = open_objects(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(objects.get("a").decode(), flush=True)
"""


def test_a_server_that_is_killed_and_started_again_costs_only_time(fragile_seaweed, fragile_store):
    objects = open_objects(fragile_store)
    objects.put("a", b"kept")
    command = [sys.executable, "-c", READER, fragile_store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "ready\n"
        fragile_seaweed.kill()
        reader.stdin.write("\n")
        reader.stdin.flush()
        with pytest.raises(StoreUnavailableError):
            open_objects(fragile_store, patience=BRIEF).get("a")
        fragile_seaweed.start()
        assert reader.stdout.readline() == "kept\n"
    objects.put_if_absent("b", b"new")
    with pytest.raises(NotFoundError):
        objects.get("c")


@pytest.fixture
def authority(tmp_path):
    """A folder with a private authority's certificate, and one that it signed for this machine with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    (tmp_path / "extensions").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    for command in (
        f"req -x509 {curve} -keyout ca.key -out ca.pem -subj /CN=authority -addext keyUsage=critical,keyCertSign",
        f"req {curve} -keyout key.pem -out request.pem -subj /CN=store",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -out cert.pem",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, cwd=tmp_path)
    return tmp_path


def test_a_private_authority_is_trusted_when_it_is_named(authority, monkeypatch):
    with Seaweed(certificates=authority) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StoreError, match="certificate is not trusted .* FLYWHEEL_S3_CA_FILE"):
            open_objects("s3://bucket/a").get("b")
        monkeypatch.setenv("FLYWHEEL_S3_CA_FILE", str(authority / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
        table = DeltaEpisodes(objects=open_objects(new_store(server)))
        assert table.commit([table.write([random_episode()])], transaction="a") == 1
        assert len(table.summaries()) == 1


def test_a_vault_may_have_an_authority_of_its_own_and_the_store_does_not_hear_of_it(authority, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Seaweed(certificates=authority) as server:
        with monkeypatch.context() as first:
            first.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
            place = new_store(server)
        own = {f"FLYWHEEL_BACKUP_{name}": value for name, value in server.environment.items()}
        own["FLYWHEEL_BACKUP_S3_CA_FILE"] = str(authority / "ca.pem")
        assert open_vault(place, {"FLYWHEEL_S3_CA_FILE": "/nowhere", **own}).names() == []
        assert "SSL_CERT_FILE" not in os.environ
