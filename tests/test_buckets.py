import pytest
from minio import Minio
from minio.credentials.providers import StaticProvider
from odd_store import Fault, OddStore
from seaweed import ACCESS_KEY, REGION, SECRET_KEY

from flywheel.core.errors import StoreError
from flywheel.store.buckets import ensure_bucket
from flywheel.store.objects import open_objects
from flywheel.store.retries import Patience
from flywheel.store.settings import S3Settings

STORE = "s3://made-for-this-test/store"


@pytest.fixture
def settings(seaweed):
    return S3Settings.from_environment(seaweed.environment)


@pytest.fixture
def client(settings):
    return Minio(settings.endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION)


def test_a_new_bucket_clears_unfinished_uploads(seaweed, settings, client, monkeypatch):
    ensure_bucket(STORE, settings, Patience())
    (rule,) = client.get_bucket_lifecycle("made-for-this-test").rules
    assert rule.abort_incomplete_multipart_upload.days_after_initiation == 2
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    open_objects(STORE).put("a", b"")


def test_the_rules_of_a_bucket_that_is_there_stay(settings, client):
    client.make_bucket("somebodys")
    ensure_bucket("s3://somebodys", settings, Patience())
    assert client.get_bucket_lifecycle("somebodys") is None


def test_where_it_cannot_be_made_the_reason_is_told():
    with OddStore() as server:
        settings = S3Settings(
            endpoint=server.endpoint,
            secure=False,
            region=REGION,
            ca_file=None,
            credentials=StaticProvider("key", "secret"),
        )
        server.faults.extend([Fault(403, "AccessDenied")] * 2)
        with pytest.raises(StoreError, match="s3://bucket: access is denied"):
            ensure_bucket("s3://bucket/prefix", settings, Patience())
