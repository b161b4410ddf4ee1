"""Files: policy versions, checkpoints and videos."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flywheel.core.policy import PolicyVersion

Proof = Callable[[Mapping[str, bytes]], None]
"""Is given the files as they were read back. CheckpointError: they do not restore."""


def unproven(files: Mapping[str, bytes]) -> None:
    """The proof that asks for nothing."""


def unheard(message: str) -> None:
    """For those who need not be told."""


class Policies(Protocol):
    """The files of policy versions. The manifest is written last: without it there is no version."""

    def save(self, version: PolicyVersion, files: Mapping[str, bytes], *, proof: Proof = unproven) -> None:
        """Replaces what a crashed attempt left; a finished version is never replaced (RecordExistsError).

        The version is there only once its files were read back and the proof had nothing against them.
        """
        ...

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        """File name -> bytes, checked against the manifest. CheckpointError: missing or damaged, naming the file."""
        ...

    def version(self, policy_id: str) -> PolicyVersion | None:
        """None where it was never finished."""
        ...

    def digests(self, policy_id: str) -> Mapping[str, str]:
        """File name -> sha256 of what is stored. CheckpointError: missing or damaged, naming the file."""
        ...


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """A video that is stored."""

    num_bytes: int
    tag: str
    """Differs where the bytes may differ."""


class Videos(Protocol):
    """Videos of episodes. Losing one loses nothing: it can be made again."""

    def find(self, episode_id: str) -> VideoFile | None:
        """None: there is none."""
        ...

    def save(self, episode_id: str, data: bytes) -> None:
        """RecordExistsError: there is one already, which stays."""
        ...

    def read(self, episode_id: str, *, start: int, length: int) -> bytes:
        """NotFoundError: there is none."""
        ...

    def address(self, episode_id: str) -> str | None:
        """Where anybody may read it for a while, without credentials. None: only through this process."""
        ...


class Checkpoints(Protocol):
    """What training goes on from after a crash. Disposable once the policy version is saved."""

    def save(
        self,
        policy_id: str,
        update: int,
        files: Mapping[str, bytes],
        *,
        identity: Mapping[str, Any],
        proof: Proof = unproven,
    ) -> None:
        """Replaces the checkpoint of that update. `identity`: plain JSON values, what the training is made from.

        The checkpoint is there only once its files were read back and the proof had nothing against them.
        """
        ...

    def newest(
        self,
        policy_id: str,
        *,
        identity: Mapping[str, Any],
        below: int | None = None,
        refuse: Callable[[str], None] = unheard,
    ) -> tuple[int, Mapping[str, bytes]] | None:
        """Update and files of the newest that is whole and has the same identity; None where there is none.

        `below`: only of earlier updates than this one. `refuse` hears of each that is passed over, and why.
        """
        ...

    def delete(self, policy_id: str) -> None:
        """All of the policy version's."""
        ...
