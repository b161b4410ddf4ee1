"""Runs in `.lerobot`: loads the dataset of a folder with LeRobot's own code and prints what it holds as JSON."""

import json
import sys
from importlib import import_module
from typing import Any

import torch

# The PyPI build of torchvision finds its operators only beside a torch for GPUs, and is imported without need of them.
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    try:
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        break

LeRobotDataset = import_module("lerobot.datasets.lerobot_dataset").LeRobotDataset


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


dataset = LeRobotDataset("local/dataset", root=sys.argv[1], delta_timestamps=json.loads(sys.argv[2]))
json.dump(
    {
        "frames": [{name: plain(value) for name, value in dataset[index].items()} for index in range(len(dataset))],
        "num_episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "tasks": {text: int(row.task_index) for text, row in dataset.meta.tasks.iterrows()},
        "stats": {
            name: {kind: plain(some) for kind, some in kinds.items()} for name, kinds in dataset.meta.stats.items()
        },
    },
    sys.stdout,
)
