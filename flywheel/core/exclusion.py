"""Exclusion: episodes that training leaves out; and the recalls that say which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

RECALLS: Final = "recalls/"
"""Prefix of the records of recalls."""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """What training leaves out: all episodes of some behaviour policies, and some episodes."""

    policies: frozenset[str] = frozenset()
    episodes: frozenset[str] = frozenset()

    def excludes(self, episode_id: str, behaviour_policy: str) -> bool:
        return behaviour_policy in self.policies or episode_id in self.episodes

    @property
    def plain(self) -> dict[str, list[str]]:
        """As plain JSON values; equal exclusions give equal values."""
        return {"policies": sorted(self.policies), "episodes": sorted(self.episodes)}


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Why episodes are left out of all later training, or which recall no longer counts."""

    number: int
    policies: tuple[str, ...]
    episodes: tuple[str, ...]
    reason: str
    undoes: int | None = None

    @classmethod
    def of(cls, key: str, record: Mapping[str, Any]) -> "Recall":
        """From the record under the key."""
        return cls(
            number=int(key.removeprefix(RECALLS)),
            policies=tuple(record["policies"]),
            episodes=tuple(record["episodes"]),
            reason=record["reason"],
            undoes=record["undoes"],
        )

    def excludes(self, episode_id: str, behaviour_policy: str) -> bool:
        return behaviour_policy in self.policies or episode_id in self.episodes

    @property
    def record(self) -> dict[str, Any]:
        return {
            "policies": list(self.policies),
            "episodes": list(self.episodes),
            "reason": self.reason,
            "undoes": self.undoes,
        }


def recall_key(number: int) -> str:
    """Where a recall is recorded."""
    return f"{RECALLS}{number:04d}"


def active(recalls: Iterable[Recall]) -> list[Recall]:
    """Those that exclude something and were not undone, in order."""
    known = list(recalls)
    undone = {recall.undoes for recall in known}
    return sorted(
        (recall for recall in known if recall.undoes is None and recall.number not in undone),
        key=lambda recall: recall.number,
    )


def exclusion(recalls: Iterable[Recall]) -> Exclusion:
    """What the recalls that count leave out together."""
    counting = active(recalls)
    return Exclusion(
        policies=frozenset(name for recall in counting for name in recall.policies),
        episodes=frozenset(name for recall in counting for name in recall.episodes),
    )
