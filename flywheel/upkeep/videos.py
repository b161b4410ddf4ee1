"""Videos of episodes: which there are, and which show an episode that is gone."""

from collections.abc import Iterator

from flywheel.store import layout
from flywheel.store.keys import ObjectEntry
from flywheel.store.whole import Store
from flywheel.upkeep.files import TableFiles
from flywheel.upkeep.finding import Area, Finding, leftover
from flywheel.upkeep.rows import Rows


def videos(store: Store) -> dict[str, ObjectEntry]:
    """Episode id -> its video."""
    suffix = layout.video("").removeprefix(layout.VIDEOS)
    return {
        entry.key.removeprefix(layout.VIDEOS).removesuffix(suffix): entry
        for entry in store.objects.entries(layout.VIDEOS)
    }


def check_videos(store: Store, episodes: TableFiles, rows: Rows) -> Iterator[Finding]:
    """Those whose episode no version holds. Nothing can be said where a file of episodes was not read."""
    if not episodes.files.keys() <= rows.episodes.keys():
        return
    known = {episode_id for found in rows.episodes.values() for episode_id in found}
    found = videos(store)
    for episode_id in sorted(found.keys() - known):
        yield leftover(Area.VIDEOS, found[episode_id].key, "no version that counts holds its episode")
