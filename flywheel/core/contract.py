"""Contract: what a policy sees and what it does. It belongs to the policy version and never changes after."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256


@dataclass(frozen=True, kw_only=True)
class Modality:
    """One named part of an observation."""

    width: int
    """D."""
    kind: str = "vector"
    """Which encoder reads it."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What one task's environment gives and takes."""

    modalities: Mapping[str, Modality]
    differences: Mapping[str, tuple[str, str]]
    """Derived modality -> (a, b): the policy also sees a - b, computed from the observation, never stored."""
    action_size: int
    """A of this task; a policy over several tasks pads to the largest."""
    decision_s: float
    """Simulated seconds between two decisions."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One policy over many bodies: missing modalities and unused action dimensions are masked."""

    modalities: Mapping[str, Modality]
    differences: Mapping[str, tuple[str, str]]
    tasks: tuple[str, ...]
    """The order is the policy's task index."""
    presence: Mapping[str, tuple[str, ...]]
    """Task -> the modalities it has."""
    action_sizes: Mapping[str, int]
    """Task -> its action dimensions."""
    history: int = 1
    """H: observations, newest last, that the policy sees at once."""
    action_size: int = field(init=False)
    """A: the largest of all tasks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "action_size", max(self.action_sizes.values()))


def unite(bodies: Mapping[str, Body], *, history: int = 1) -> Contract:
    """The contract of one policy for all the bodies, task -> body.

    Modalities are shared by name. Two bodies that use one name for different widths get one modality each, named
    `name/width`, so that no value is ever read as something else. So do differences of one name between other pairs.
    """
    widths: dict[str, set[int]] = {}
    for body in bodies.values():
        for name, modality in body.modalities.items():
            widths.setdefault(name, set()).add(modality.width)
    modalities: dict[str, Modality] = {}
    differences: dict[str, tuple[str, str]] = {}
    presence: dict[str, tuple[str, ...]] = {}
    for task, body in bodies.items():
        renamed = {
            name: name if len(widths[name]) == 1 else f"{name}/{modality.width}"
            for name, modality in body.modalities.items()
        }
        for name, modality in body.modalities.items():
            modalities[renamed[name]] = modality
        for name, (a, b) in body.differences.items():
            pair = (renamed[a], renamed[b])
            derived = name if pair == (a, b) else f"{name}/{body.modalities[a].width}"
            taken = differences.get(derived, pair) != pair
            differences[f"{derived}/{pair[0]}-{pair[1]}" if taken else derived] = pair
        presence[task] = tuple(renamed.values())
    return Contract(
        modalities=modalities,
        differences=differences,
        tasks=tuple(bodies),
        presence=presence,
        action_sizes={task: body.action_size for task, body in bodies.items()},
        history=history,
    )


def contract_digest(contract: Contract) -> str:
    """sha256: two contracts with one digest see and do the same, in the same order."""
    return sha256(json.dumps(asdict(contract), sort_keys=True).encode()).hexdigest()


def modality_names(contract: Contract, task: str) -> dict[str, str]:
    """The environment's name of each modality of the task -> the contract's."""
    return {name.split("/")[0]: name for name in contract.presence[task]}
