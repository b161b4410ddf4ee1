"""The service as an operations team meets it: `flywheel up`, requests, `flywheel down`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from faults import descendants, write_config
from openapi_client import OpenApiClient, operate
from scraped import value
from small import NAME, small_settings

from flywheel import services
from flywheel.client import Flywheel
from flywheel.config import parse
from flywheel.core.control import IterationState
from flywheel.core.episode import Source
from flywheel.services import Service, is_alive
from flywheel.workshop import Workshop

pytestmark = pytest.mark.timeout(600)

FLYWHEEL = [sys.executable, "-m", "flywheel.cli"]
SETTINGS = small_settings(
    control={"port": 0}, collect={"episodes_per_task": 3, "num_environments": 4}, gate={"max_pairs": 4, "batch": 2}
)
WAIT_S = 300.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    write_config(folder, SETTINGS)
    subprocess.run([*FLYWHEEL, "up", "given.yaml", "--store", "store"], cwd=folder, check=True)
    up = services.read(NAME)
    assert up is not None
    yield up
    if up.is_up:
        subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=True)


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    return Path(service.token_file).read_text().strip()


@pytest.fixture
def client(service: Service, token: str) -> Iterator[Flywheel]:
    with Flywheel(service.url, token) as client:
        yield client


@pytest.fixture
def workshop(service: Service) -> Workshop:
    return Workshop(config=parse(SETTINGS, origin="test"), store=service.store)


def wait_for(happened, what: str):
    deadline = time.monotonic() + WAIT_S
    while not (found := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)
    return found


def test_who_knows_only_the_document_can_operate_it(service: Service, token: str):
    assert Path(service.token_file).stat().st_mode & 0o777 == 0o600
    with closing(OpenApiClient(service.url, token)) as client:
        operated(client)
    counted(service)


def operated(client: OpenApiClient) -> None:
    first = client.call("create_iteration", body={})
    assert first["state"] == "queued"
    list(client.events("follow_iteration", number=first["number"]))
    assert client.call("list_deployments")["items"][0]["policy_id"] == "policy-0000"
    seen = operate(client)
    assert seen["events"] == [
        "iteration.requested",
        "iteration.started",
        *["iteration.stage_completed"] * 6,
        "iteration.finished",
    ]
    assert seen["iteration"]["state"] in ("succeeded", "rejected")
    assert seen["candidate"] == "policy-0001"
    assert seen["rolled back to"] == "policy-0000"
    assert [some["policy_id"] for some in seen["deployments"]] == ["policy-0000", "policy-0001", "policy-0000"]
    told = [(entry["action"], entry["by"], entry["reason"]) for entry in seen["audit"]]
    who = next(entry["by"] for entry in seen["audit"] if entry["action"] == "policy.rolled_back")
    assert who.startswith("token:local-")
    assert ("policy.rolled_back", who, "the day is over") in told
    assert ("iteration.requested", who, "a day in operations") in told


def counted(service: Service) -> None:
    """What Prometheus finds after that."""
    text = httpx2.get(f"{service.url}/metrics").text
    assert value(text, "flywheel_supervisor_up") == value(text, "flywheel_store_up") == 1
    assert value(text, "flywheel_stage_duration_seconds_count", stage="train") == 2
    assert value(text, "flywheel_updates_total") >= 60
    assert value(text, "flywheel_loss", part="total") is not None
    assert value(text, "flywheel_collectors") > 0
    assert value(text, "flywheel_episode_decisions_total") > 0
    assert value(text, "flywheel_store_requests_total", operation="put", outcome="ok") > 0
    # Ray's agent sends nothing before it has heard from its processes.
    wait_for(lambda: "\nray_" in httpx2.get(service.ray_metrics_url).text, "Ray's metrics are there")


def test_the_policy_endpoint_answers_those_who_may_act(service: Service, client: Flywheel, workshop: Workshop):
    (episode,) = workshop.episodes.read(
        episode_ids=[workshop.episodes.summaries(source=Source.EVALUATION)[0].episode_id]
    )
    body = {
        "task": episode.task,
        "observations": {name: values[:1, None].tolist() for name, values in episode.observations.items()},
    }

    def act(secret: str | None) -> httpx2.Response:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return httpx2.post(f"{service.url}/policy/v1/act", json=body, headers=headers, timeout=30.0)

    robot, reader = (client.tokens.create(name, scopes=[name]).secret for name in ("act", "read"))
    # It hears of new tokens, and of the rollback of a moment ago, shortly after.
    wait_for(lambda: act(robot).status_code == 200, "the token is known")
    wait_for(lambda: act(robot).json()["policy_version"] == "policy-0000", "the version before is served")
    assert act(None).status_code == 401
    assert act(reader).status_code == 403
    client.tokens.revoke("act")
    wait_for(lambda: act(robot).status_code == 401, "the token is forgotten")


def test_what_was_collected_before_a_cancel_is_kept_and_nothing_computes_any_more(
    service: Service, client: Flywheel, workshop: Workshop
):
    asked = client.iterations.create(overrides={"collect": {"episodes_per_task": 20_000}})
    wait_for(
        lambda: (
            (progress := client.iterations.get(asked.number).progress) is not None
            and progress.stage == "collect"
            and progress.done >= 2
        ),
        "two episodes",
    )
    client.iterations.cancel(asked.number, reason="enough")
    over = client.iterations.wait(asked.number, timeout_s=WAIT_S)
    assert over.state is IterationState.CANCELLED
    kept = [some for some in workshop.episodes.summaries(iteration=asked.number) if some.source is Source.COLLECTION]
    assert 2 <= len(kept) < 40_000
    wait_for(
        lambda: not any("ray::_Collector" in title for title in descendants(service.pid).values()),
        "the collectors' end",
    )
    # The next one learns from what was kept.
    following = client.iterations.wait(client.iterations.create().number, timeout_s=WAIT_S)
    assert following.state in (IterationState.SUCCEEDED, IterationState.REJECTED)
    labelled = workshop.labels.labelled(some.episode_id for some in kept)
    assert labelled == {some.episode_id for some in kept}


def test_down_ends_everything_and_up_goes_on(service: Service, folder: Path):
    ours = {*descendants(service.pid), service.pid}
    assert len(ours) > 5
    subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=True)
    wait_for(lambda: not any(is_alive(pid) for pid in ours), "the end of all processes")
    again = subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=False, capture_output=True, text=True)
    assert again.returncode == 2
    assert "no service small is up" in again.stderr
    subprocess.run([*FLYWHEEL, "up", "given.yaml", "--store", "store"], cwd=folder, check=True)
    up = services.read(NAME)
    assert up is not None
    with Flywheel(up.url, Path(up.token_file).read_text().strip()) as client:
        assert client.deployments.live().policy_id == "policy-0000"
    wait_for(lambda: _version(up) == "policy-0000", "the live version is served again")
    second = subprocess.run(
        [*FLYWHEEL, "up", "given.yaml", "--store", "store"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert second.returncode == 2
    assert "is up at" in second.stderr
    subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=True)


def _version(up: Service) -> str | None:
    secret = Path(up.token_file).read_text().strip()
    try:
        answer = httpx2.get(f"{up.url}/policy/v1/version", headers={"Authorization": f"Bearer {secret}"})
    except httpx2.HTTPError:
        return None
    return answer.json()["policy_version"] if answer.status_code == 200 else None
