"""The policy endpoint: a Ray Serve application that swaps policy versions in place."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from random import SystemRandom
from threading import Lock, RLock
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import numpy as np
import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus, ServeDeploySchema

from flywheel.cluster import policy_app
from flywheel.cluster.made import Made
from flywheel.cluster.policy_calls import OutageError, PolicyCalls
from flywheel.cluster.serve_instance import APPLICATION, client, end_serve
from flywheel.core.access import digest_of, new_secret
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError, VersionRefusedError

START_TIMEOUT_S = 120.0
PATIENCE_S = 60.0
"""For replicas that are not there. Starting takes seconds: those that need longer have no machine."""
PORTS = range(20_000, 32_000)
"""Free ones are looked for here: above Ray's own, and below those that systems give to outgoing connections.

Of the latter any may be taken between being found free and being bound, which are seconds.
"""
RECOVERY_TIMEOUT_S = 60.0
"""Within which Serve has replaced a process that died."""
POLL_INTERVAL_S = 0.05
PROBES_PER_REPLICA = 50
"""Sessions tried to reach each replica once: where there are several, a session chooses one by its hash."""
ANSWERING = ("RUNNING", "UPDATING")
"""Serve's states of replicas that requests are sent to."""


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """A Serve that somebody else started and ends, and what else runs on it."""

    identify: Made
    """Tells whose a token is."""
    applications: Sequence[Mapping[str, Any]]
    """Serve's declarative config of the others: Serve ends whatever a config leaves out."""


class ServeEndpoint:
    """`ports.Endpoint` on Ray Serve. A new version is a changed setting of the same processes, never new ones."""

    def __init__(
        self,
        *,
        policies: str,
        store: str,
        port: int,
        host: str = "127.0.0.1",
        neighbours: Neighbourhood | None = None,
        num_replicas: int = 1,
        replicas_per_node: int | None = None,
        meter: str | None = None,
        open_metrics: bool = True,
    ) -> None:
        """`policies`: `module:function` that takes the `store`. Port 0: any free one. No neighbours: Serve is ours.

        `replicas_per_node`: most on one machine; those that find none wait, and the others answer. None: any number.
        `meter`: `module:function` that makes a `cluster.meter.Meter`; `open_metrics`: it is read without a token.
        """
        self._policies = Made(function=policies, arguments={"store": store})
        self._meter = None if meter is None else Made(function=meter)
        self._host, self._neighbours = host, neighbours
        self._num_replicas, self._replicas_per_node = num_replicas, replicas_per_node
        self._open_metrics = open_metrics
        self._secret = new_secret()
        self._calls = PolicyCalls(host=host, port=port or _free_port(host), secret=self._secret)
        self._reached_by: Sequence[str | None] = (None,)
        """Sessions by which each replica is reached."""
        self._started = False
        self._starting, self._reservation = Lock(), RLock()

    @property
    def address(self) -> str:
        """Where requests go."""
        return self._calls.address

    def start(self) -> None:
        """Starts serving without a version. Takes seconds: may run beside other work before the first `deploy`.

        EndpointError: Serve does not start.
        """
        with self._starting:
            if self._started:
                return
            try:
                serve.start(
                    http_options={"host": self._host, "port": self._calls.port}, logging_config={"log_level": "ERROR"}
                )
            except (RayError, RayServeException, RuntimeError) as failure:
                raise EndpointError(f"Ray Serve does not start at {self.address}: {failure}") from failure
            self._started = True
            served = client().http_config.port
            if served == self._calls.port:
                self._attempt(None)
            # Another one where a supervisor that died left its endpoint, which goes on.
            self._calls = PolicyCalls(host=self._host, port=served, secret=self._secret)

    def reserved(self) -> AbstractContextManager[Any]:
        return self._reservation

    def deploy(self, policy_id: str) -> None:
        """Returns when every replica answers with the version. VersionRefusedError: one refuses it, and all go back.

        A replica that has no machine for long is not waited for: it comes with the version that is served then.
        """
        with self._reservation:
            self._deploy(policy_id)

    def _deploy(self, policy_id: str) -> None:
        self.start()
        before = self._calls.standing().get("policy_version")
        answers = self._attempt(policy_id)
        refused = [answer for answer in answers if answer["refused"] is not None]
        if refused:
            before = next((one["policy_version"] for one in refused if one["policy_version"] is not None), before)
            # Else a replica that restarts would look for the refused version and have none.
            self._attempt(before)
            raise VersionRefusedError(
                f"{policy_id} was refused, {before or 'nothing'} goes on: {refused[0]['refused']}"
            )

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        """What every replica answers. EndpointError: they differ, one does not answer, or refuses, with its reason.

        A process that dies is replaced by Serve meanwhile: what it did not answer is asked again.
        """
        body = {"task": task, "observations": {name: values.tolist() for name, values in observations.items()}}
        actions, version = self._acted(body, self._reached_by[0])
        for session in self._reached_by[1:]:
            others, other_version = self._acted(body, session)
            if other_version != version or not np.array_equal(actions, others):
                raise EndpointError(f"replicas of {self.address} answer differently, as {version} and {other_version}")
        return actions, version

    def _acted(self, body: Mapping[str, Any], session: str | None) -> tuple[Floats, str]:
        deadline = monotonic() + RECOVERY_TIMEOUT_S
        while True:
            try:
                return self._calls.act(body, session)
            except OutageError:
                if not self._started or monotonic() > deadline:
                    raise
            sleep(POLL_INTERVAL_S)

    def close(self) -> None:
        """Ends Serve if this endpoint started it."""
        with self._starting:
            if self._started and self._neighbours is None:
                end_serve()
            self._started = False

    def _attempt(self, policy_id: str | None) -> list[dict[str, Any]]:
        """Asks for the version, and returns what each replica says once all tried. EndpointError: one never did."""
        attempt = uuid4().hex
        # Only this way Serve changes a setting without starting processes anew.
        client().deploy_apps(ServeDeploySchema.model_validate(self._description(policy_id, attempt)))
        deadline, impatient_at = monotonic() + START_TIMEOUT_S, monotonic() + PATIENCE_S
        while monotonic() < deadline:
            answers = self._standings()
            is_whole = len(answers) == self._num_replicas or monotonic() > impatient_at
            if answers and is_whole and all(answer["attempt"] == attempt for answer in answers):
                return answers
            self._check_application()
            sleep(POLL_INTERVAL_S)
        raise EndpointError(
            f"{policy_id or 'the endpoint'} does not answer at {self.address} after {START_TIMEOUT_S:.0f} s: {_said()}"
        )

    def _standings(self) -> list[dict[str, Any]]:
        """What each replica says of itself; nothing while one of those that are there does not answer."""
        replicas = _replicas()
        found: dict[str, dict[str, Any]] = {}
        reached_by: list[str | None] = []
        for number in range(PROBES_PER_REPLICA * len(replicas)):
            session = str(number) if len(replicas) > 1 else None
            answer = self._calls.standing(session)
            if answer.get("replica") not in replicas:
                return []  # It does not answer, or starts, or ends.
            if answer["replica"] not in found:
                found[answer["replica"]] = answer
                reached_by.append(session)
            if len(found) == len(replicas):
                self._reached_by = reached_by
                return list(found.values())
        return []

    def _check_application(self) -> None:
        found = serve.status().applications.get(APPLICATION)
        if found is not None and found.status == ApplicationStatus.DEPLOY_FAILED:
            raise EndpointError(f"the endpoint does not start: {found.message}")

    def _description(self, policy_id: str | None, attempt: str) -> dict[str, Any]:
        settings = {"policy_id": policy_id, "attempt": attempt, "own_digest": digest_of(self._secret)}
        neighbours = self._neighbours
        ours = {
            "name": APPLICATION,
            "route_prefix": PolicyCalls.ROUTE,
            "import_path": f"{policy_app.__name__}:application",
            "args": {
                "policies": asdict(self._policies),
                "identify": None if neighbours is None else asdict(neighbours.identify),
                "meter": None if self._meter is None else asdict(self._meter),
                "metrics_folder": _metrics_folder(),
                "open_metrics": self._open_metrics,
                "num_replicas": self._num_replicas,
                "replicas_per_node": self._replicas_per_node,
            },
            "deployments": [
                {"name": policy_app.DEPLOYMENT, "num_replicas": self._num_replicas, "user_config": settings}
            ],
        }
        return {"applications": [*(neighbours.applications if neighbours is not None else ()), ours]}


def _replicas() -> set[str]:
    """Those that requests are sent to, by Serve's ids."""
    applications = client().get_serve_details()["applications"]
    deployments = applications.get(APPLICATION, {}).get("deployments", {})
    replicas = deployments.get(policy_app.DEPLOYMENT, {}).get("replicas", [])
    return {replica["replica_id"] for replica in replicas if replica["state"] in ANSWERING}


def _said() -> str:
    """What Serve says of the replicas."""
    found = serve.status().applications.get(APPLICATION)
    deployment = None if found is None else found.deployments.get(policy_app.DEPLOYMENT)
    return "Serve does not know it" if deployment is None else f"{deployment.status.value}: {deployment.message}"


def _metrics_folder() -> str:
    """The same path on every machine, and gone with this Ray."""
    node: Any = ray._private.worker._global_node  # The only one who knows the session's folder.
    return f"{node.get_session_dir_path()}/flywheel-metrics"


def _free_port(host: str) -> int:
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as some, suppress(OSError):
            some.bind((host, port))
            return port
    raise EndpointError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free on {host}")
