"""The service as an operations team meets it: `flywheel up`, requests, `flywheel down`."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from browsing import visiting
from console_walk import walk
from faults import descendants, write_config
from openapi_client import OpenApiClient, operate
from otlp import Collector, collecting
from playwright.sync_api import Browser
from scraped import value
from small import NAME, small_settings

from flywheel import services
from flywheel.client import Flywheel
from flywheel.config import parse
from flywheel.core.control import IterationState
from flywheel.core.episode import Source
from flywheel.hosting.running import Files
from flywheel.services import Service, is_alive
from flywheel.workshop import Workshop

pytestmark = pytest.mark.timeout(600)

FLYWHEEL = [sys.executable, "-m", "flywheel.cli"]
FAILING = "gym/Reacher-v5"
"""Its episodes never terminate, which is what success is here; and pictures of it can be taken."""
SUITE = small_settings()["suites"][0] | {"tasks": ["MountainCarContinuous-v0", "Reacher-v5"]}
SETTINGS = small_settings(
    suites=[SUITE],
    control={"port": 0},
    collect={"episodes_per_task": 3, "num_environments": 4},
    gate={"max_pairs": 4, "batch": 2},
)
WAIT_S = 300.0
RAY_FOLDER = r"/[\w/-]*flywheel-ray-\w+"
PROCESSES = {"keeper", "host", "api", "supervisor", "collector", "relabeler", "training worker", "endpoint"}
STDERR = "foreground.jsonl"
LOGS = {".log", ".out", ".err", ".jsonl"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield folder


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Of the service's traces."""
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield collector


@pytest.fixture(scope="module")
def service(folder: Path, collector: Collector) -> Iterator[Service]:
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
    ours, _, rays = json.loads(Path(service.targets_file).read_text())
    assert f"http://{ours['targets'][0]}{ours['labels']['__metrics_path__']}" == f"{service.url}/metrics"
    # Ray's agent has nothing to say before it has heard from its processes.
    (agent,) = rays["targets"]
    wait_for(lambda: "\nray_" in httpx2.get(f"http://{agent}/metrics").text, "Ray's metrics are there")


def observed(workshop: Workshop) -> dict[str, object]:
    """A request to act."""
    (episode,) = workshop.episodes.read(
        episode_ids=[workshop.episodes.summaries(source=Source.EVALUATION)[0].episode_id]
    )
    return {
        "task": episode.task,
        "observations": {name: values[:1, None].tolist() for name, values in episode.observations.items()},
    }


def test_the_policy_endpoint_answers_those_who_may_act(service: Service, client: Flywheel, workshop: Workshop):
    body = observed(workshop)

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
    counted = httpx2.get(f"{service.url}/policy/metrics", timeout=30.0).text
    assert 'flywheel_endpoint_policy_info{policy_version="policy-0000"} 1.0' in counted
    assert 'flywheel_act_requests_total{outcome="ok"}' in counted


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


def test_what_it_did_is_logged_and_traced(service: Service, client: Flywheel, workshop: Workshop, collector: Collector):
    log = list(client.iterations.logs(0))
    assert [line.message for line in log if line.message.endswith("begins")] == [
        f"{stage} begins" for stage in ("plan", "ingest", "relabel", "train", "evaluate", "deploy")
    ]
    assert {line.process for line in log} == {"supervisor"}
    stopped = next(one for one in client.iterations.all(state="cancelled"))
    (why,) = client.iterations.logs(stopped.number, level="error")
    assert (why.stage, why.message.partition(" by ")[0]) == ("collect", "stopped: cancelled")
    robot = client.tokens.create("traced", scopes=["act"]).secret
    headers = {"Authorization": f"Bearer {robot}", "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01"}

    def act() -> bool:
        answer = httpx2.post(f"{service.url}/policy/v1/act", json=observed(workshop), headers=headers, timeout=30.0)
        return answer.status_code == 200

    wait_for(act, "the token is known")
    spans = collector.wait(lambda spans: any(span.trace_id == "a1" * 16 for span in spans))
    acted = next(span for span in spans if span.trace_id == "a1" * 16)
    assert (acted.name, acted.parent_id, acted.process) == ("act", "b2" * 8, "endpoint")
    assert acted.attributes["flywheel.policy_version"].startswith("policy-")
    turned = [span for span in spans if span.name == "iteration" and span.attributes["flywheel.iteration"] == 0]
    assert turned[0].attributes["flywheel.decision"] == "promote"
    stages = {span.name for span in spans if span.parent_id == turned[0].span_id}
    assert stages == {"plan", "ingest", "relabel", "train", "evaluate", "deploy"}


def test_no_log_of_any_process_holds_a_token(service: Service, token: str, client: Flywheel):
    """A wrong token is one too: somebody's for something else."""
    secrets = [token, client.tokens.create("spoken", scopes=["read"]).secret, "somebody-elses-token"]
    for secret in secrets:
        httpx2.get(f"{service.url}/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
        httpx2.get(f"{service.url}/policy/v1/version", headers={"Authorization": f"Bearer {secret}"})
    ours = Files(name=NAME).log
    lines = [json.loads(line) for line in ours.read_bytes().splitlines()]
    assert {line["process"] for line in lines} == PROCESSES
    rays = {Path(found[0]) for title in descendants(service.pid).values() if (found := re.findall(RAY_FOLDER, title))}
    kept = Path(service.store) / "logs"
    looked_at = [path for root in (*rays, kept) for path in root.rglob("*") if path.suffix in LOGS and path.is_file()]
    assert {path.suffix for path in looked_at} == LOGS
    for path in (ours, *looked_at):
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path


def test_the_console_operates_it(service: Service, client: Flywheel, token: str, browser: Browser):
    with visiting(browser, service.url) as visit:
        walked = walk(visit, token, failing_task=FAILING)
    assert client.iterations.get(walked.number).state is IterationState.REJECTED
    back, promoted = list(client.deployments.all())[:2]
    assert (promoted.policy_id, promoted.reason, promoted.how) == (walked.candidate, "gentler", "policy.promoted")
    assert (back.previous, back.reason, back.how) == (walked.candidate, "the day is over", "policy.rolled_back")


def test_down_ends_everything_and_up_in_the_foreground_goes_on(service: Service, folder: Path):
    ours = {*descendants(service.pid), service.pid}
    assert len(ours) > 5
    subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=True)
    wait_for(lambda: not any(is_alive(pid) for pid in ours), "the end of all processes")
    again = subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=False, capture_output=True, text=True)
    assert again.returncode == 2
    assert "no service small is up" in again.stderr
    log = subprocess.run([*FLYWHEEL, "logs", "0", "--store", "store"], cwd=folder, check=True, stdout=subprocess.PIPE)
    assert b"train begins" in log.stdout
    lost = [folder / f"store/records/iterations/0000/{stage}.json" for stage in ("relabel", "evaluate")]
    for path in lost:
        path.unlink()
    with in_the_foreground(folder) as process:
        up = wait_for(lambda: services.read(NAME), "a service in the foreground")
        assert up.pid == process.pid
        wait_for(lambda: _version(up) == "policy-0000", "the live version is served again")
        with Flywheel(up.url, Path(up.token_file).read_text().strip()) as client:
            assert client.deployments.live().policy_id == "policy-0000"
        wait_for(lambda: all(path.exists() for path in lost), "records of a finished iteration that were lost")
        second = subprocess.run(
            [*FLYWHEEL, "up", "given.yaml", "--store", "store"], cwd=folder, check=False, capture_output=True, text=True
        )
        assert second.returncode == 2
        assert "is up at" in second.stderr
        ours = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    wait_for(lambda: not any(is_alive(pid) for pid in ours), "the end of all processes")
    assert services.read(NAME) is None
    lines = [line for line in (folder / STDERR).read_text().splitlines() if line.startswith("{")]
    assert {json.loads(line)["process"] for line in lines} >= {"keeper", "host", "api", "supervisor", "endpoint"}


@contextmanager
def in_the_foreground(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The service as a container runs it; it does not outlive the block."""
    with (folder / STDERR).open("ab") as stderr:
        command = [*FLYWHEEL, "up", "given.yaml", "--store", "store", "--foreground"]
        process = subprocess.Popen(command, cwd=folder, stderr=stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _version(up: Service) -> str | None:
    secret = Path(up.token_file).read_text().strip()
    try:
        answer = httpx2.get(f"{up.url}/policy/v1/version", headers={"Authorization": f"Bearer {secret}"})
    except httpx2.HTTPError:
        return None
    return answer.json()["policy_version"] if answer.status_code == 200 else None
