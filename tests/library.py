"""Episodes and labels in real tables, with their catalogue."""

from collections.abc import Sequence
from pathlib import Path

from factories import random_label

from flywheel.core.episode import Episode
from flywheel.core.outline import Outline
from flywheel.core.task import Label
from flywheel.store.catalogue import DeltaCatalogue
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import LocalFolder


class Library:
    """Both tables in one folder."""

    def __init__(self, root: Path) -> None:
        objects = LocalFolder(root=root)
        self.episodes, self.labels = DeltaEpisodes(objects=objects), DeltaLabels(objects=objects)
        self.catalogue = DeltaCatalogue(episodes=self.episodes, labels=self.labels)
        self.versions = {"episodes_version": 0, "labels_version": 0}

    def add(self, *groups: Sequence[Episode], labels: Sequence[Label] | None = None) -> None:
        """A file of each group, in one version; labelled under their own tasks unless said otherwise."""
        made = [episode for group in groups for episode in group]
        own = [random_label(episode) for episode in made if episode.error is None] if labels is None else labels
        name = str(self.versions)
        parts = [self.episodes.write(group) for group in groups]
        self.versions = {
            "episodes_version": self.episodes.commit(parts, transaction=name),
            "labels_version": self.labels.commit([self.labels.write(own)], transaction=name),
        }

    def outlines(self) -> list[Outline]:
        return list(self.catalogue.outlines(**self.versions))
