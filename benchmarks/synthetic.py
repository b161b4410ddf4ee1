"""Made-up episodes in the real schema, as many as wanted: columns are built with numpy, not episode by episode."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flywheel.core.contract import Body, Contract, Modality, unite
from flywheel.core.mixture import Mixture
from flywheel.store import episode_rows, labels
from flywheel.store.columns import BOOLS, FLOATS, NAMED, NAMED_FIELDS, list_of

TASKS = ("made/pick", "made/push", "made/reach")
"""In alphabetical order, so that rows in the order of tasks are in the order of ids."""
MODALITIES = {"hand_position": 3, "gripper": 1, "object_position": 3, "object_rotation": 4, "goal": 3}
FACTS = {"tool_centre": 3, "object_position": 3, "goal": 3}
ACTION_SIZE = 4
LENGTHS = (40, 60)
"""Fewest and most decisions of an episode; one decision is one environment step."""
MIXTURE = Mixture(sources={"demonstration": 0.3, "collection": 0.4, "evaluation": 0.3})

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How many episodes, and how they are spread over files and iterations."""

    num_episodes: int
    episodes_per_file: int = 4096
    num_iterations: int = 12

    def files(self) -> Iterator["Made"]:
        """A fifth demonstrations; the rest collected and evaluated by turns, later files in later iterations."""
        firsts = range(0, self.num_episodes, self.episodes_per_file)
        for number, first in enumerate(firsts):
            turn = number * self.num_iterations // len(firsts)
            source = "demonstration" if number < len(firsts) / 5 else ("collection", "evaluation")[number % 2]
            yield Made(
                first=first,
                count=min(self.episodes_per_file, self.num_episodes - first),
                source=source,
                iteration=0 if source == "demonstration" else turn,
            )


@dataclass(frozen=True, kw_only=True)
class Made:
    """The episodes of one file: the same numbers make the same rows."""

    first: int
    count: int
    source: str
    iteration: int

    def rows(self) -> tuple[pa.Table, pa.Table]:
        """Of the episodes' table and of the labels'. Every episode is labelled under every task."""
        rng = np.random.default_rng(self.first)
        # As the store sorts them: by id, and so by task.
        tasks = np.sort(rng.integers(0, len(TASKS), self.count))
        lengths = rng.integers(LENGTHS[0], LENGTHS[1] + 1, self.count)
        succeeded = rng.random(self.count) < 0.4 + 0.05 * self.iteration
        return self._episodes(rng, tasks, lengths, succeeded), self._labels(rng, tasks, lengths, succeeded)

    def _ids(self, tasks: Array) -> list[str]:
        who = self._who()
        prefix = f"{self.iteration:04d}-{self.source}-{who}"
        names = [task.replace("/", ".") for task in TASKS]
        return [f"{prefix}-{names[task]}-{self.first + row:09d}" for row, task in enumerate(tasks.tolist())]

    def _who(self) -> str:
        return "demonstrator" if self.source == "demonstration" else f"policy-{max(0, self.iteration - 1):04d}"

    def _episodes(self, rng: np.random.Generator, tasks: Array, lengths: Array, succeeded: Array) -> pa.Table:
        steps = int(lengths.sum())
        last = np.cumsum(lengths) - 1
        successes = np.zeros(steps, np.bool_)
        successes[last[succeeded]] = True
        columns: dict[str, Any] = {
            "episode_id": self._ids(tasks),
            "task": [TASKS[task] for task in tasks.tolist()],
            "scene": ["table"] * self.count,
            "source": [self.source] * self.count,
            "iteration": np.full(self.count, self.iteration, np.int32),
            "behaviour_policy": [self._who()] * self.count,
            "seed": np.arange(self.first, self.first + self.count),
            "initial_state": [f"{value:016x}" for value in rng.integers(0, 2**63, self.count).tolist()],
            "decision_s": np.full(self.count, 0.025),
            "scored": np.ones(self.count, np.bool_),
            "terminated": succeeded,
            "truncated": ~succeeded,
            "error": pa.nulls(self.count, pa.string()),
            "outcome": np.where(succeeded, "success", "failure"),
            "num_decisions": lengths.astype(np.int32),
            "time_to_success_s": pa.array(lengths * 0.025, mask=~succeeded),
            "action_size": np.full(self.count, ACTION_SIZE, np.int32),
            "actions": _nested(_waves(rng, lengths, ACTION_SIZE), lengths * ACTION_SIZE, FLOATS),
            "rewards": _nested(successes.astype(np.float32), lengths, FLOATS),
            "successes": _nested(successes, lengths, BOOLS),
            "observations": _named(rng, lengths + 1, {name: (width,) for name, width in MODALITIES.items()}),
            "facts": _named(rng, lengths, {name: (1, width) for name, width in FACTS.items()}),
        }
        return pa.table(columns, schema=episode_rows.SCHEMA)

    def _labels(self, rng: np.random.Generator, tasks: Array, lengths: Array, succeeded: Array) -> pa.Table:
        """Under its own task as it was; under each other task a tenth succeed, somewhere on the way."""
        count, width = self.count, len(TASKS)
        under = np.tile(np.argsort(TASKS), count)
        own = under == np.repeat(tasks, width)
        success = np.where(own, np.repeat(succeeded, width), rng.random(count * width) < 0.1)
        whole = np.repeat(lengths, width)
        ends = np.where(own | ~success, whole, rng.integers(1, whole + 1))
        rewards = np.zeros(int(ends.sum()), np.float32)
        rewards[(np.cumsum(ends) - 1)[success]] = 1.0
        columns = {
            "episode_id": np.repeat(np.array(self._ids(tasks), object), width),
            "task": [TASKS[task] for task in under.tolist()],
            "labeler": ["within"] * (count * width),
            "labeler_version": np.ones(count * width, np.int32),
            "terminated": success,
            "success": success,
            "rewards": _nested(rewards, ends, FLOATS),
        }
        return pa.table(columns, schema=labels.SCHEMA)


def contract() -> Contract:
    """What a policy of the made-up tasks sees and does."""
    body = Body(
        modalities={name: Modality(width=width) for name, width in MODALITIES.items()},
        differences={},
        action_size=ACTION_SIZE,
        decision_s=0.025,
    )
    return unite(dict.fromkeys(TASKS, body))


def _waves(rng: np.random.Generator, lengths: Array, width: int) -> Array:
    """Smooth, with a little noise as of a sensor: flat [sum of lengths, width], each in [-1, 1]."""
    counts = np.repeat(np.arange(len(lengths)), lengths)
    times = np.arange(len(counts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    phase, speed = rng.random((2, len(lengths), width)).astype(np.float32) * np.float32(6.0)
    values = np.sin(phase[counts] + speed[counts] * (times[:, None] / 60).astype(np.float32))
    values += 0.003 * rng.standard_normal(values.shape, np.float32)
    return np.clip(values, -1, 1).ravel()


def _nested(flat: Array, lengths: Array, kind: pa.DataType) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, kind.value_type), type=kind)


def _named(rng: np.random.Generator, lengths: Array, shapes: Mapping[str, tuple[int, ...]]) -> pa.Array:
    """A list of named arrays per episode, [length, *shape] each."""
    count, names = len(lengths), list(shapes)
    widths = np.array([int(np.prod(shape)) for shape in shapes.values()])
    sizes = (lengths[:, None] * widths).ravel()
    firsts = (np.cumsum(sizes) - sizes).reshape(count, len(names))
    flat = np.empty(int(sizes.sum()), np.float32)
    for index, width in enumerate(widths.tolist()):
        mine = lengths * width
        within = np.arange(int(mine.sum())) - np.repeat(np.cumsum(mine) - mine, mine)
        flat[np.repeat(firsts[:, index], mine) + within] = _waves(rng, lengths, width)
    ranks = [1 + len(shape) for shape in shapes.values()]
    extents = np.concatenate([np.array([0, *shape], np.int32) for shape in shapes.values()])
    dimensions = np.tile(extents, (count, 1))
    dimensions[:, np.cumsum([0, *ranks[:-1]])] = lengths[:, None]
    items = [
        pa.array(names * count, pa.string()),
        _nested(dimensions.ravel(), np.tile(ranks, count), list_of(pa.int32())),
        _nested(flat, sizes, FLOATS),
    ]
    return _nested_items(pa.StructArray.from_arrays(items, fields=NAMED_FIELDS), count, len(names))


def _nested_items(items: pa.StructArray, count: int, width: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(0, count * width + 1, width, dtype=np.int32)), items, type=NAMED)
