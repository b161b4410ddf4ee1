"""A real configuration that turns in seconds: two small tasks, a tiny network, a handful of episodes."""

from typing import Any

from flywheel.config import Config, parse

NAME = "small"
TASKS = ("gym/MountainCarContinuous-v0", "gym/MountainCar-v0")


def small_settings(**changes: Any) -> dict[str, Any]:
    """As a YAML file would hold them."""
    values: dict[str, Any] = {
        "name": NAME,
        "seed": 1,
        "iterations": 1,
        "suites": [
            {
                "suite": "gym",
                "tasks": ["MountainCarContinuous-v0", "MountainCar-v0"],
                "max_decisions": 40,
                "action_repeat": 5,
                "success_key": "terminated",
                "demonstrations": {"episodes_per_task": 3},
            }
        ],
        "network": {
            "width": 16,
            "num_latents": 2,
            "num_blocks": 1,
            "num_heads": 1,
            "num_action_bins": 9,
            "num_return_bins": 11,
        },
        "train": {"num_updates": [60, 30], "batch_size": 32, "checkpoint_every": 20, "warmup_updates": 5},
        "collect": {"episodes_per_task": 2, "num_environments": 4},
        "evaluate": {"episodes_per_task": 2, "final_episodes_per_task": 2},
        "gate": {"max_pairs": 2, "batch": 1},
    }
    return values | changes


def small_config(**changes: Any) -> Config:
    return parse(small_settings(**changes), origin="small")
