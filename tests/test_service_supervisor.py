"""The supervisor as an actor of a real Ray: one for a configuration, and another for another."""

from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util import list_named_actors
from small import small_config

from flywheel import wiring
from flywheel.hosting.service_supervisor import NAMESPACE, ensure

WAIT_S = 60.0


def args_of(store: Path, **control: Any) -> dict[str, Any]:
    config = small_config(control=control)
    wiring.take(config, str(store))
    return {"config": config.model_dump(mode="json"), "store": str(store)}


def names() -> list[str]:
    return [one["name"] for one in list_named_actors(all_namespaces=True) if one["namespace"] == NAMESPACE]


@pytest.mark.usefixtures("ray_session")
def test_other_settings_bring_another_supervisor_and_the_same_ones_do_not(tmp_path: Path):
    before, after = args_of(tmp_path), args_of(tmp_path, requests_per_minute=7)
    first = ensure(before)
    try:
        assert ray.get(first.progress.remote(), timeout=WAIT_S) is None
        assert ensure(before)._actor_id == first._actor_id
        (name,) = names()
        second = ensure(after)
        assert ray.get(second.progress.remote(), timeout=WAIT_S) is None
        (other,) = names()
        assert other != name
    finally:
        for left in names():
            ray.kill(ray.get_actor(left, namespace=NAMESPACE))
