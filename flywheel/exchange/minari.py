"""Minari datasets, written and read by Minari's own code. Needs the package `minari`."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from minari import MinariDataset, __version__
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import METADATA_FILE_NAME, MinariStorage

from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import Dataset, versioned
from flywheel.exchange.found import Array, Found

EPISODES_AT_ONCE = 64
OURS = "flywheel"
"""Key of an episode's metadata: what Minari has no place for, as JSON."""
SUCCESS_KEYS = ("success", "is_success", "succeed")
"""In an episode's infos; the first that is there counts."""
DATA_FORMATS = {"minari": "hdf5", "minari-arrow": "arrow"}
ALIKE = "minari-arrow"
"""In it the infos of all episodes have the same names, and Minari cannot read those that are plain numbers."""
FOREIGN_FAILURES = (ValueError, KeyError, AssertionError, OSError, TypeError)
"""What Minari raises on a damaged dataset."""


def write(folder: Path, episodes: Iterable[Episode], dataset: Dataset) -> None:
    """`data/`, as `minari.load_dataset` looks for it under the folder of the dataset's id."""
    left = iter(episodes)
    storage: MinariStorage | None = None
    while batch := list(islice(left, EPISODES_AT_ONCE)):
        if storage is None:
            storage = _created(folder / "data", batch[0], dataset)
        first = storage.total_episodes
        storage.update_episodes([_buffer(episode, dataset.file_format) for episode in batch])
        storage.update_episode_metadata(
            [{OURS: json.dumps(_ours(episode))} for episode in batch], range(first, first + len(batch))
        )


def read(path: Path) -> Iterator[Found]:
    """A dataset's folder, or one with datasets below it. ConfigError: it is none, or damaged."""
    found = sorted(file.parent for file in path.rglob(METADATA_FILE_NAME) if not file.parent.name.isdigit())
    if not found:
        raise ConfigError(f"{path}: no Minari dataset is here: no {METADATA_FILE_NAME} in or under it")
    for folder in found:
        yield from _read_dataset(folder)


def _created(folder: Path, first: Episode, dataset: Dataset) -> MinariStorage:
    folder.mkdir()
    storage = MinariStorage.new(
        folder,
        observation_space=spaces.Dict(
            {
                name: spaces.Box(-np.inf, np.inf, values.shape[1:], np.float32)
                for name, values in first.observations.items()
            }
        ),
        action_space=spaces.Box(-1.0, 1.0, first.actions.shape[1:], np.float32),
        data_format=DATA_FORMATS[dataset.file_format],
        jpeg_encoding=False,
    )
    storage.update_metadata(
        {
            "dataset_id": versioned(dataset.task),
            "minari_version": __version__,
            "description": dataset.instruction,
        }
    )
    return storage


def _buffer(episode: Episode, file_format: str) -> EpisodeBuffer:
    length = episode.num_decisions
    last = np.arange(length) == length - 1
    infos: dict[str, Any] = {f"facts.{name}": _after_reset(values) for name, values in episode.facts.items()}
    if file_format == ALIKE:
        infos["success"] = _after_reset(episode.successes[:, None])
    elif episode.scored:
        infos["success"] = _after_reset(episode.successes)
    return EpisodeBuffer(
        seed=episode.seed if episode.seed >= 0 else None,
        observations=dict(episode.observations),
        actions=episode.actions,
        rewards=episode.rewards,
        terminations=last & episode.terminated,
        truncations=last & episode.truncated,
        infos=infos or None,
    )


def _after_reset(values: Array) -> Array:
    """Minari's infos begin with the reset's, of which nothing is known."""
    return np.concatenate([np.zeros_like(values[:1]), values])


def _ours(episode: Episode) -> dict[str, Any]:
    return {
        "task": episode.task,
        "behaviour_policy": episode.behaviour_policy,
        "initial_state": episode.initial_state,
        "decision_s": episode.decision_s,
        "scored": episode.scored,
        "facts": list(episode.facts),
    }


def _read_dataset(folder: Path) -> Iterator[Found]:
    try:
        dataset = MinariDataset(folder)
        indices = dataset.episode_indices
        details = dataset.storage.get_episode_metadata(indices)
        scale = _ActionScale(dataset.action_space, folder)
        for number, (episode, metadata) in enumerate(zip(dataset.iterate_episodes(), details, strict=True)):
            yield _found(episode, metadata, scale, origin=f"{folder}: episode {number}")
    except FOREIGN_FAILURES as failure:
        reason = str(failure).partition(os.linesep)[0]
        raise ConfigError(f"{folder}: Minari cannot read it: {type(failure).__name__}: {reason}") from failure


def _found(episode: Any, metadata: Mapping[str, Any], scale: "_ActionScale", *, origin: str) -> Found:
    ours = json.loads(metadata[OURS]) if OURS in metadata else {}
    infos, length = episode.infos or {}, len(episode.rewards)
    success_key = next((key for key in SUCCESS_KEYS if key in infos and ours.get("scored", True)), None)
    seed = metadata.get("seed")
    return Found(
        origin=origin,
        observations=dict(_flat(episode.observations)),
        actions=scale(np.asarray(episode.actions)),
        rewards=np.asarray(episode.rewards),
        successes=None if success_key is None else np.asarray(infos[success_key]).reshape(-1)[-length:],
        terminated=bool(episode.terminations[-1]) if length else False,
        facts={name: np.asarray(infos[f"facts.{name}"])[-length:] for name in ours.get("facts", ())},
        task=ours.get("task"),
        behaviour_policy=ours.get("behaviour_policy"),
        seed=None if seed is None else int(seed),
        initial_state=ours.get("initial_state"),
        decision_s=ours.get("decision_s"),
    )


def _flat(observations: Any, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Nested names joined by `/`; an observation without a name is called `observation`."""
    if isinstance(observations, Mapping):
        for name, values in observations.items():
            yield from _flat(values, f"{prefix}/{name}" if prefix else name)
    else:
        yield prefix or "observation", np.asarray(observations)


class _ActionScale:
    """Actions of the dataset's space -> [-1, 1], as the environment of the same space maps them back."""

    def __init__(self, space: spaces.Space[Any], folder: Path) -> None:
        """ConfigError: neither Box nor Discrete."""
        if not isinstance(space, spaces.Box | spaces.Discrete):
            raise ConfigError(f"{folder}: {type(space).__name__} actions; only Box and Discrete ones can be imported")
        self._space = space

    def __call__(self, actions: Array) -> Array:
        """A Box without bounds is taken to be in [-1, 1]. Discrete: the middle of each of n equal cells."""
        space: Any = self._space
        if isinstance(space, spaces.Discrete):
            cells: Array = (2.0 * (actions - int(space.start)) + 1.0) / int(space.n) - 1.0
            return cells
        flat = actions.reshape(len(actions), -1)
        low, high = (bound.ravel().astype(np.float64) for bound in (space.low, space.high))
        plain = not space.is_bounded("both") or (np.all(low == -1) and np.all(high == 1))
        if plain:
            return flat
        scaled: Array = 2 * (flat.astype(np.float64) - low) / (high - low) - 1
        return scaled
