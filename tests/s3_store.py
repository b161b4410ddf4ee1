"""A store in S3 for one test."""

from uuid import uuid4

import pytest
from seaweed import Seaweed

from flywheel.store.buckets import ensure_bucket
from flywheel.store.retries import Patience
from flywheel.store.settings import S3Settings

BUCKET = "flywheel-tests"


def new_store(server: Seaweed) -> str:
    """Its URL: a prefix of its own in a bucket that all share."""
    store = f"s3://{BUCKET}/{uuid4().hex}"
    ensure_bucket(store, S3Settings.from_environment(server.environment), Patience())
    return store


@pytest.fixture
def s3_store(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty one, and the environment to reach it."""
    return reachable_store(seaweed, monkeypatch)


@pytest.fixture
def fragile_store(fragile_seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """Likewise, on the server that may be killed."""
    return reachable_store(fragile_seaweed, monkeypatch)


def reachable_store(server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return new_store(server)
