"""Logs of iterations through the API, the client and the command line, over a finished run."""

import json
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread

import pytest
from answering import serving
from desk import Desk
from turned import open_turned

from flywheel.api.application import create_app
from flywheel.client import Flywheel, Level
from flywheel.core.access import Scope
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.core.errors import ApiUnknownError

PATIENCE_S = 60.0


def logged(desk: Desk, number: int, *lines: dict) -> None:
    whole = [{"time": "2026-01-05T09:30:00.000Z", "level": "info", "logger": "some", **line} for line in lines]
    data = "".join(json.dumps({"iteration": number, **line}) + "\n" for line in whole).encode()
    desk.plane.logs.append(number, data, at=datetime.now(UTC))


@pytest.fixture
def desk(folder) -> Desk:
    desk = open_turned(folder)
    logged(
        desk, 1,
        {"message": "collect begins", "stage": "collect"},
        {"message": "episode e7 failed", "stage": "collect", "level": "warning", "episode": "e7"},
        {"message": "no memory", "stage": "train", "level": "error", "exception": "Traceback"},
    )  # fmt: skip
    return desk


@pytest.fixture
def service(desk, monkeypatch):
    with serving(create_app(desk.plane)) as url:
        monkeypatch.setenv("FLYWHEEL_URL", url)
        monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.READ])
        yield url


def test_lines_come_in_order_page_by_page(desk):
    client = desk.client(Scope.READ)
    page = client.get("/v1/iterations/1/logs?page_size=2").json()
    assert [one["message"] for one in page["items"]] == ["collect begins", "episode e7 failed"]
    assert (page["items"][1]["episode"], page["items"][1]["iteration"]) == ("e7", 1)
    rest = client.get("/v1/iterations/1/logs", params={"page_token": page["next_page_token"]}).json()
    assert [one["message"] for one in rest["items"]] == ["no memory"]
    assert rest["next_page_token"] is None
    chosen = client.get("/v1/iterations/1/logs?level=warning&stage=collect").json()["items"]
    assert [one["message"] for one in chosen] == ["episode e7 failed"]
    assert client.get("/v1/iterations/2/logs").json() == {"items": [], "next_page_token": None}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/iterations/77/logs", 404),
        ("/v1/iterations/1/logs?level=loud", 422),
        ("/v1/iterations/1/logs?stage=dance", 422),
        ("/v1/iterations/1/logs?page_token=eA==", 400),
        ("/v1/iterations/1/logs?limit=3", 422),
    ],
)
def test_what_is_not_there_or_not_known_is_refused(desk, path, status):
    assert desk.client(Scope.READ).get(path).status_code == status
    assert desk.client(None).get("/v1/iterations/1/logs").status_code == 401
    assert desk.client(Scope.ACT).get("/v1/iterations/1/logs").status_code == 403


def test_the_client_reads_them(service, desk):
    with Flywheel() as wheel:
        found = list(wheel.iterations.logs(1))
        assert [one.level for one in found] == [Level.INFO, Level.WARNING, Level.ERROR]
        assert [one.message for one in wheel.iterations.logs(1, level="error")] == ["no memory"]
        with pytest.raises(ApiUnknownError, match="there is no iteration 77"):
            list(wheel.iterations.logs(77))
        assert len(list(wheel.iterations.follow_logs(1))) == 3


def test_the_client_follows_them_until_the_iteration_is_over(service, desk):
    append = desk.plane.chronicle.append
    append(partial(iterations.request, by="supervisor", overrides={}, max_queued=1))
    logged(desk, 3, *({"message": f"line {number}"} for number in range(150)))
    seen, messages = Event(), []

    def follow() -> None:
        with Flywheel() as wheel:
            for line in wheel.iterations.follow_logs(3):
                messages.append(line.message)
                seen.set()

    following = Thread(target=follow)
    following.start()
    assert seen.wait(PATIENCE_S)
    logged(desk, 3, {"message": "line 150"})
    append(partial(iterations.cancel, number=3, by="supervisor"))
    following.join(PATIENCE_S)
    assert messages == [f"line {number}" for number in range(151)]
    assert desk.plane.chronicle.control().iterations[3].state is IterationState.CANCELLED


def test_the_command_asks_a_service_or_reads_a_store(service, desk, flywheel, folder):
    for where in ((), ("--store", folder)):
        code, out, err = flywheel("logs", 1, *where)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "09:30:00  info     collect begins",
            "09:30:00  warning  episode e7 failed  (collect)",
            "09:30:00  error    no memory  (train)",
            "Traceback",
        ]
        code, out, _ = flywheel("logs", 1, "--level", "warning", "--json", *where)
        assert [json.loads(line)["message"] for line in out.splitlines()] == ["episode e7 failed", "no memory"]
        code, out, err = flywheel("logs", 2, *where)
        assert (code, out, err) == (0, "", "nothing is kept of what was logged about iteration 2\n")
    assert flywheel("logs", 1, "--follow", "--stage", "train")[:2] == (
        0,
        "09:30:00  error    no memory  (train)\nTraceback\n",
    )


def test_wrong_commands_say_what_to_do(flywheel, folder, tmp_path):
    code, _, err = flywheel("logs", 1, "--store", folder, "--follow")
    assert (code, err) == (2, "error: --follow asks a running service: leave out --store\n")
    code, _, err = flywheel("logs", 1, "--store", tmp_path / "nowhere")
    assert code == 2
    assert "no flywheel was ever run here" in err
