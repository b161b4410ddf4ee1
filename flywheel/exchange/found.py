"""Found: what a file says of one episode, before anything is known to be right; and what is taken from it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flywheel.core.errors import ConfigError, EpisodeError

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Found:
    """One episode of a file. None: the file does not say."""

    origin: str
    """File and row, for messages."""
    observations: Mapping[str, Array]
    """Name -> [T+1, D], or [T+1] for one number."""
    actions: Array
    """[T, A], or [T] for one number."""
    rewards: Array | None
    """[T]."""
    successes: Array | None
    """[T]."""
    terminated: bool
    facts: Mapping[str, Array] = field(default_factory=dict)
    """Name -> [T, R, F]."""
    task: str | None = None
    behaviour_policy: str | None = None
    seed: int | None = None
    initial_state: str | None = None
    decision_s: float | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Take:
    """A modality that is an observation of the file under another name, or a range of its columns."""

    name: str
    modality: str
    first: int = 0
    end: int | None = None
    """None: to the last column."""

    @classmethod
    def parse(cls, text: str) -> "Take":
        """`NAME=MODALITY` or `NAME[FIRST:END]=MODALITY`. ConfigError: neither."""
        match = re.fullmatch(r"(?P<name>[^=\[\]]+)(?:\[(?P<first>\d+):(?P<end>\d+)\])?=(?P<modality>[^=]+)", text)
        if match is None:
            raise ConfigError(f"--take {text}: write NAME=MODALITY or NAME[FIRST:END]=MODALITY")
        if match["first"] is None:
            return cls(name=match["name"], modality=match["modality"])
        return cls(name=match["name"], modality=match["modality"], first=int(match["first"]), end=int(match["end"]))


def taken(found: Found, takes: Sequence[Take], modalities: Sequence[str]) -> dict[str, Array]:
    """The task's modalities, in its order. EpisodeError: the file does not have one.

    An only observation is the only modality, whatever it is called. What the task does not have is left out.
    """
    named = {name: rows(values) for name, values in found.observations.items()}
    for take in takes:
        if take.name not in named:
            raise EpisodeError(f"{found.origin}: no observation {take.name}; it has {_list(named)}")
    renamed = {take.modality: named[take.name][:, take.first : take.end] for take in takes}
    if not renamed and len(named) == len(modalities) == 1:
        renamed = {modalities[0]: next(iter(named.values()))}
    every = {**named, **renamed}
    missing = [name for name in modalities if name not in every]
    if missing:
        raise EpisodeError(
            f"{found.origin}: no observation {_list(missing)}; it has {_list(named)}. "
            "Say which is which with --take NAME=MODALITY"
        )
    return {name: every[name] for name in modalities}


def floats(values: Array) -> NDArray[np.float32]:
    """As float32. What is too large for it becomes infinite, which an episode refuses."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def is_nested(kind: pa.DataType) -> bool:
    """Whether a column of the type holds lists, of one length or of several."""
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))


def rows(values: Array) -> Array:
    """[T] -> [T, 1]: a number per row is a vector of one."""
    return values[:, None] if values.ndim == 1 else values


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
