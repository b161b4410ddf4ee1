"""Videos of episodes."""

from hashlib import sha256

from flywheel.ports import VideoFile
from flywheel.store import layout
from flywheel.store.objects import Objects

ADDRESS_S = 900.0
"""How long the address of a video may be used."""
MOST_NAME_BYTES = 240
"""Names of files have at most 255."""


class ObjectVideos:
    """One object per video, `videos/<episode id>.mp4`. Implements `ports.Videos`."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def find(self, episode_id: str) -> VideoFile | None:
        if not _is_name(episode_id):
            return None
        key = layout.video(episode_id)
        entry = next((some for some in self._objects.entries(key) if some.key == key), None)
        if entry is None:
            return None
        said = f"{key}\n{entry.num_bytes}\n{entry.modified_at.isoformat()}"
        return VideoFile(num_bytes=entry.num_bytes, tag=sha256(said.encode()).hexdigest()[:32])

    def save(self, episode_id: str, data: bytes) -> None:
        self._objects.put_if_absent(layout.video(episode_id), data)

    def read(self, episode_id: str, *, start: int, length: int) -> bytes:
        return self._objects.get_range(layout.video(episode_id), start, length)

    def address(self, episode_id: str) -> str | None:
        found = self._objects.presign(layout.video(episode_id), expires_s=ADDRESS_S)
        return None if found.startswith("file:") else found


def _is_name(episode_id: str) -> bool:
    """Whether an episode may be called so. What people ask for may be anything."""
    if not episode_id or episode_id.startswith(".") or "/" in episode_id or "\0" in episode_id:
        return False
    return len(episode_id.encode(errors="replace")) <= MOST_NAME_BYTES
