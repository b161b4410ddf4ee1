"""The API on the service itself: alive, ready, and who is asking."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, open_desk
from fakes import MemoryRecords
from small import small_config

from flywheel.core.access import Scope
from flywheel.core.entry import entry_key
from flywheel.core.errors import StoreUnavailableError
from flywheel.store.chronicle import RecordedChronicle


class AwayRecords(MemoryRecords):
    """The store cannot be reached."""

    def read(self, key: str):
        raise StoreUnavailableError("no connection to the store")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def test_it_is_alive_and_ready_to_whoever_asks(desk: Desk) -> None:
    for path in ("/healthz", "/readyz"):
        answer = desk.client(None).get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_alive_but_not_ready_while_the_store_is_away(desk: Desk) -> None:
    away = replace(desk, plane=replace(desk.plane, chronicle=RecordedChronicle(records=AwayRecords())))
    client = away.client(None, raising=False)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert "no connection" in answer.json()["detail"]


def test_it_is_not_ready_where_the_history_cannot_be_read(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "store" / "records" / f"{entry_key(0)}.json").write_text("{}")
    again = open_again(desk)
    answer = again.client(None, raising=False).get("/readyz")
    assert answer.status_code == 503
    assert entry_key(0) in answer.json()["detail"]


def open_again(desk: Desk) -> Desk:
    return replace(desk, plane=replace(desk.plane, chronicle=RecordedChronicle(records=desk.plane.records)))


def test_who_am_i(desk: Desk) -> None:
    assert desk.client(Scope.OPERATE).get("/v1/whoami").json() == {
        "name": "token:operate",
        "scopes": ["read", "operate"],
    }
    assert desk.client(Scope.ACT).get("/v1/whoami").json()["scopes"] == ["act"]
    assert desk.client(Scope.ADMIN).get("/v1/whoami").json()["scopes"] == ["read", "operate", "act", "admin"]
    assert desk.client(None).get("/v1/whoami").status_code == 401
