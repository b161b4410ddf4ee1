"""A real Prometheus that scrapes what a test starts, and dashboards' expressions as Grafana would send them to it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "deploy" / "prometheus.yml"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="needs prometheus and promtool"
)


WAIT_S = 300.0


def wait_for(happened: Callable[[], Any], what: str) -> Any:
    """What it gives once that is true."""
    deadline = time.monotonic() + WAIT_S
    while not (found := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)
    return found


class Prometheus:
    """Its HTTP API. AssertionError: it refuses what is asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self._url}/-/ready").status_code == 200
        except httpx2.HTTPError:
            return False

    def get(self, path: str, **asked: Any) -> Any:
        answer = httpx2.get(f"{self._url}/api/v1/{path}", params=asked, timeout=30.0).json()
        assert answer["status"] == "success", (asked, answer)
        return answer["data"]

    def instant(self, expr: str) -> list[dict[str, Any]]:
        """Series, each with its labels and newest value."""
        return self.get("query", query=expr)["result"]

    def over_time(self, expr: str, *, start: float, end: float) -> list[dict[str, Any]]:
        """Series, each with its labels and values at every second."""
        return self.get("query_range", query=expr, start=start, end=end, step=1)["result"]

    def values_of(self, label: str, selector: str) -> list[str]:
        return self.get(f"label/{label}/values", **{"match[]": selector})


def configured(folder: Path, targets_file: str) -> Path:
    """The configuration that is shipped, for one service, with scrapes as often as a busy machine can bear."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "3s", "evaluation_interval": "3s"}
    config["rule_files"] = [str(CONFIG.parent / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        job["file_sd_configs"] = [{"files": [targets_file]}]
        if job["job_name"] == "flywheel-ray":  # Its agent takes long, and has nothing new sooner.
            job["scrape_interval"] = job["scrape_timeout"] = "15s"
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@contextmanager
def prometheus(config: Path) -> Iterator[Prometheus]:
    """Runs within the block."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{some.getsockname()[1]}"
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={address}",
    ]
    with open(config.parent / "prometheus.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        server = Prometheus(f"http://{address}")
        wait_for(server.is_ready, "Prometheus is ready")
        yield server
    finally:
        process.terminate()
        process.wait()


def as_grafana(expr: str, **variables: str) -> str:
    """With variables in place of their names, Grafana's own too."""
    known = {"__rate_interval": "1m", "__interval": "1s", "__range": "10m", **variables}
    for name in sorted(known, key=len, reverse=True):
        expr = expr.replace(f"${{{name}}}", known[name]).replace(f"${name}", known[name])
    return expr
