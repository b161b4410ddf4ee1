"""What counting costs a request to act."""

import os
import tempfile
from collections.abc import Mapping
from functools import partial
from statistics import fmean, median
from time import process_time
from typing import Any

import numpy as np
import torch

from benchmarks import synthetic
from benchmarks.material import DEMO, POLICY
from benchmarks.measuring import alone
from benchmarks.writing import machine, publish, table
from flywheel.cluster.meter import Meter
from flywheel.cluster.policy_server import ActRequest, PolicyServer
from flywheel.config import load
from flywheel.core.policy import PolicyVersion
from flywheel.learning import codec
from flywheel.learning.actor_critic import ActorCritic
from flywheel.metrics.acting import FOLDER, open_meter
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies

ROUNDS = 21
REQUESTS = 200
"""Of each side in a round, one of each by turns."""
COUNTS = 20_000
"""Requests that are only counted, to know what that alone takes."""


def measure() -> None:
    """Publishes it."""
    before = machine()
    cost = act_cost()
    publish(
        "acting",
        title="What counting costs a request to act",
        text=table(["what", "figure"], [[name, f"{value:.4g}"] for name, value in cost.items()]),
        result=cost,
        before=before,
    )


def act_cost() -> dict[str, float]:
    """Of one observation and the demo's network, without HTTP; every request has a session, an age and a deadline.

    Seconds are those of the processor; medians of rounds in which both sides take turns.
    """
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as folder:
        os.environ[FOLDER] = f"{folder}/counts"
        try:
            return alone(_act_cost, store=f"{folder}/store")
        finally:
            del os.environ[FOLDER]


def _act_cost(store: str) -> Mapping[str, float]:
    torch.set_num_threads(1)
    meter: Meter = open_meter()
    policies = _policies(store)
    plain, counting = _server(policies, None), _server(policies, meter)
    request = _request()
    plain_act, counting_act = partial(plain.act, request), partial(counting.act, request)
    plain_s, counting_s = [], []
    for _ in range(ROUNDS):
        pairs = [(_cpu_s(plain_act), _cpu_s(counting_act)) for _ in range(REQUESTS)]
        plain_s.append(fmean(one for one, _ in pairs))
        counting_s.append(fmean(one for _, one in pairs))
    counted_s = _cpu_s(lambda: meter.acted(duration_s=0.003, batch_size=1, age_s=0.02), times=COUNTS)
    return {
        "request without a meter, ms": 1e3 * median(plain_s),
        "request with one, ms": 1e3 * median(counting_s),
        "difference, share of a request": median(
            ours / theirs - 1 for theirs, ours in zip(plain_s, counting_s, strict=True)
        ),
        "counting alone, us": 1e6 * counted_s,
        "counting alone, share of a request": counted_s / median(plain_s),
        "reading all counts, ms": 1e3 * _cpu_s(meter.exposition, times=20),
    }


def _cpu_s(call: Any, *, times: int = 1) -> float:
    """Of one call."""
    began = process_time()
    for _ in range(times):
        call()
    return (process_time() - began) / times


def _server(policies: ObjectPolicies, meter: Meter | None) -> PolicyServer:
    server = PolicyServer(policies=policies, meter=meter)
    server.load(POLICY)
    return server


def _request() -> ActRequest:
    draws = np.random.default_rng(0)
    observations = {name: draws.normal(size=(1, width)).tolist() for name, width in synthetic.MODALITIES.items()}
    return ActRequest(
        task=synthetic.TASKS[0], observations=observations, session="robot-1", age_s=0.01, deadline_s=3600.0
    )


def _policies(folder: str) -> ObjectPolicies:
    """One version, of untrained weights."""
    sizes = load(DEMO).network.model_dump(exclude={"history"})
    contract = synthetic.contract()
    files = {
        codec.WEIGHTS: codec.tensors_to_bytes(ActorCritic(contract=contract, **sizes).state_dict()),
        codec.ARCHITECTURE: codec.architecture_to_bytes(contract, sizes),
    }
    policies = ObjectPolicies(objects=open_objects(folder))
    policies.save(PolicyVersion(policy_id=POLICY, iteration=0, parent=None, digest="0" * 64, trained_on={}), files)
    return policies
