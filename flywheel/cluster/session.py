"""A Ray to run on: started in place, or somebody else's by address."""

import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import ray

from flywheel.cluster import reaper
from flywheel.core.errors import ConfigError, FlywheelError

NODE_ADDRESS = "127.0.0.2"
"""Loopback, so that a change of network does not break a running Ray, which would replace 127.0.0.1 by the host's."""
OBJECT_STORE_BYTES = 300_000_000
CONNECT_TIMEOUT_S = 10.0
WATCH_INTERVAL_S = 0.2
HEAD = ("gcs_server", "raylet")
"""Processes without which an embedded Ray does nothing more."""
FOR_TRAINING = {
    # How soon Ray Train notices that a worker died; and no actor that watches for machines about to be taken away.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
}
"""Environment of whoever trains."""
TOKEN = secrets.token_hex(32)
"""Ray opens ports on every interface: only who knows the token may use them. It lives as long as this process."""


class RaySession:
    """Connects this process to Ray, and takes away exactly what it started.

    The processes of an embedded Ray end with the thread that started it, however that ends, even by SIGKILL: start it
    from a thread that lives as long as Ray should.
    """

    def __init__(
        self, *, num_cpus: int, num_gpus: int = 0, address: str | None = None, metrics_port: int | None = None
    ) -> None:
        """`num_cpus` counts places, not cores: the stages take turns on them. An existing cluster has its own.

        `metrics_port`: of Ray's own metrics; None: any free one.
        """
        self._metrics_port = metrics_port
        self._num_cpus, self._num_gpus, self._address = num_cpus, num_gpus, address
        self._replaced: dict[str, str | None] = {}
        self._folder: str | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        self._node: Any = None

    def start(self) -> None:
        """Returns when Ray is ready. FlywheelError: it does not start; ConfigError: no cluster at the address."""
        if self._address is None:
            self._start_embedded()
        else:
            self._connect(self._address)

    def _start_embedded(self) -> None:
        settings = _environment()
        self._replaced = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", *settings)}
        os.environ.update(settings)
        # Not the system's own folder for temporary files, whose path may be too long for Ray's sockets.
        self._folder = tempfile.mkdtemp(prefix="flywheel-ray-", dir=os.environ.get("RAY_TMPDIR", "/tmp"))
        # Ray's agents would outlive a killed driver by a minute. In a session of its own, a kill of ours misses it.
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__, self._folder], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            ray.init(
                address="local",
                num_cpus=self._num_cpus,
                num_gpus=self._num_gpus,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _metrics_export_port=self._metrics_port,
                _node_ip_address=NODE_ADDRESS,
                _temp_dir=self._folder,
            )
        except Exception as failure:
            self.stop()
            raise FlywheelError(f"Ray does not start: {failure}") from failure
        self._node = ray._private.worker._global_node  # The only one who knows the processes of the head.

    def _connect(self, address: str) -> None:
        try:
            host, port = address.rsplit(":", 1)
            # Ray itself would try for minutes.
            socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
            ray.init(
                address=address,
                runtime_env={"env_vars": FOR_TRAINING},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as failure:
            raise ConfigError(f"no Ray cluster to be used at {address}, host:port of its head: {failure}") from failure

    def dead(self) -> list[str]:
        """Processes that an embedded Ray cannot live without and that are gone."""
        if self._node is None:
            return []
        return sorted(kind for kind, _ in self._node.dead_processes() if kind in HEAD)

    @contextmanager
    def watched(self, bereaved: Callable[[str], None]) -> Iterator[None]:
        """Within the block, tells `bereaved` of the death of an embedded Ray's head, in a thread of its own.

        Whoever waits for Ray hears of it only after a minute, by being ended.
        """
        over = Event()

        def watch() -> None:
            while not over.wait(WATCH_INTERVAL_S):
                if gone := self.dead():
                    bereaved(" and ".join(gone))
                    return

        watching = Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def stop(self) -> None:
        """Ends an embedded Ray and waits until its processes are gone; only leaves another's cluster."""
        ray.shutdown(wait_for_processes=True)
        self._node = None
        if self._reaper is not None:
            self._reaper.kill()
            self._reaper.communicate()
            self._reaper = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        for name, value in self._replaced.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._replaced = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """What an embedded Ray and all its processes run under. Ray reads it as it starts."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        **FOR_TRAINING,
        # Else Ray warns of the number of processes, which is as it should be: stages take turns on the cores.
        "RAY_worker_maximum_startup_concurrency": "8",
        # Ray's own default of 15 leaves next to nothing to a run beside any other program.
        "RAY_worker_niceness": "0",
        # The processes share the cores.
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    if "RAY_AUTH_MODE" not in os.environ:  # then Ray turns tokens on, and writes none to a file when it is given one
        settings["RAY_AUTH_TOKEN"] = TOKEN
    return settings
