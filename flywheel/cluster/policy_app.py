"""The policy endpoint as a Ray Serve application: a policy server per replica, behind HTTP."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from fastapi import FastAPI
from ray import serve
from ray.serve.config import RequestRouterConfig

from flywheel.cluster import nodes
from flywheel.cluster.made import Made
from flywheel.cluster.meter import Meter, Uncounted
from flywheel.cluster.policy_api import Standing, create_app
from flywheel.cluster.policy_guard import Guard, Identify
from flywheel.cluster.policy_server import PolicyServer
from flywheel.core.errors import FlywheelError, StoreUnavailableError
from flywheel.logs import output
from flywheel.ports import Policies
from flywheel.tracing.choice import requests

DEPLOYMENT = "policy"
RETRY_INTERVAL_S = 1.0
"""While the store is away and this process has no version yet."""
MAX_ONGOING_REQUESTS = 1000
"""Of a replica. More wait in the proxy, where nobody sees how long and deadlines pass unnoticed."""
STICKY = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which the replicas of a machine find one another's counts."""


@serve.deployment(
    name=DEPLOYMENT,
    max_ongoing_requests=MAX_ONGOING_REQUESTS,
    graceful_shutdown_timeout_s=2.0,
    graceful_shutdown_wait_loop_s=0.1,
)
@serve.ingress()
class PolicyDeployment:
    """One replica."""

    def __init__(
        self, policies: Made, identify: Made | None, meter: Made | None, open_metrics: bool, num_replicas: int
    ) -> None:
        """No `identify`: whoever reaches this port may ask. No `meter`: nobody counts."""
        output.start("endpoint")
        torch.set_num_threads(1)
        versions: Policies = policies()
        whose: Identify | None = None if identify is None else identify()
        self._meter: Meter = Uncounted() if meter is None else meter()
        self._server = PolicyServer(policies=versions, meter=self._meter)
        self._guard = Guard(identify=whose, open_metrics=open_metrics)
        self._num_replicas = num_replicas
        self._attempt = ""
        self._refused: str | None = None
        self._catching_up: asyncio.Task[None] | None = None

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(
            server=self._server,
            guard=self._guard,
            meter=self._meter,
            standing=self._standing,
            traces=requests(),
            num_replicas=self._num_replicas,
        )

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """A version that does not load is refused, and the old one goes on. No version: none was deployed yet."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None
        refused = None
        if (wanted := user_config["policy_id"]) is not None:
            try:
                await asyncio.to_thread(self._server.load, wanted)
            except FlywheelError as failure:
                refused = str(failure)
                self._meter.refused()
                if isinstance(failure, StoreUnavailableError) and self._server.version is None:
                    self._catching_up = asyncio.create_task(self._catch_up(wanted))
        self._attempt, self._refused = user_config["attempt"], refused
        self._guard.expect(user_config["own_digest"])

    async def _catch_up(self, policy_id: str) -> None:
        """A process that starts while the store is away has no version to go on with: it waits for this one."""
        while self._server.version is None:
            await asyncio.sleep(RETRY_INTERVAL_S)
            with suppress(FlywheelError):
                await asyncio.to_thread(self._server.load, policy_id)
        self._refused = None

    def _standing(self) -> Standing:
        return Standing(
            policy_version=self._server.version,
            attempt=self._attempt,
            refused=self._refused,
            replica=serve.get_replica_context().replica_id.unique_id,
        )


def application(args: Mapping[str, Any]) -> Any:
    """For Serve's declarative config.

    `policies`, `identify` and `meter` are what `Made` is made of; the last two may be None. `metrics_folder` is where
    the meters of a machine count. There will be `num_replicas`, at most `replicas_per_node` of them on one machine;
    None: any number.
    """
    options: dict[str, Any] = {"num_cpus": 0, "label_selector": nodes.for_role(nodes.SERVE)}
    if args["meter"] is not None:
        # From the process's first moment: what counts looks at it once, as it is imported.
        options["runtime_env"] = {"env_vars": {METRICS_FOLDER: args["metrics_folder"]}}
    deployment: Any = PolicyDeployment
    deployment = deployment.options(ray_actor_options=options, max_replicas_per_node=args["replicas_per_node"])
    if args["num_replicas"] > 1:
        router = {"request_router_class": STICKY, "request_router_kwargs": {"num_fallback_replicas": 0}}
        deployment = deployment.options(request_router_config=RequestRouterConfig.model_validate(router))
    return deployment.bind(
        Made(**args["policies"]),
        None if args["identify"] is None else Made(**args["identify"]),
        None if args["meter"] is None else Made(**args["meter"]),
        args["open_metrics"],
        args["num_replicas"],
    )
