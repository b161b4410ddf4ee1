"""Export: chosen episodes of the table become files of another format."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import ONE_FOR_ALL, Dataset, folder_of, module_of
from flywheel.ports import EpisodeTable


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which episodes; None: any."""

    tasks: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    policies: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    def __contains__(self, episode: EpisodeSummary) -> bool:
        asked = (
            (self.tasks, episode.task),
            (self.sources, episode.source),
            (self.policies, episode.behaviour_policy),
            (self.outcomes, episode.outcome),
        )
        return all(not wanted or value in wanted for wanted, value in asked)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote."""

    episodes: Mapping[str, int]
    """Task -> episodes."""
    decisions: int
    crashed: int
    """Episodes that ended by an error, left out where the format has no place for them."""


def export_episodes(
    episodes: EpisodeTable,
    selection: Selection,
    *,
    file_format: str,
    out: Path,
    instructions: Mapping[str, str],
    version: int | None = None,
) -> Exported:
    """Writes into a new folder, which is there complete or not at all. ConfigError: nothing to write, or no place."""
    module = module_of(file_format)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: is already there; give a new folder")
    chosen = [episode for episode in episodes.summaries(version=version) if episode in selection]
    kept = [some for some in chosen if file_format in ONE_FOR_ALL or some.outcome is not Outcome.ERROR]
    if not kept:
        raise ConfigError("no episode fits; look at what there is with: flywheel data sql")
    unfinished = out.absolute().with_name(f".{out.name}.{uuid4().hex}.tmp")
    try:
        for folder, task, ids in _datasets(kept, file_format, unfinished):
            folder.mkdir(parents=True)
            dataset = Dataset(task=task, instruction=instructions.get(task, task), file_format=file_format)
            read = episodes.read(version=version, episode_ids=ids)
            module.write(folder, read if file_format in ONE_FOR_ALL else _alike(read), dataset)
        if out.exists():
            out.rmdir()
        os.replace(unfinished, out)
    except OSError as failure:
        raise ConfigError(f"--out {out}: cannot be written: {failure.strerror or failure}") from failure
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Exported(
        episodes=Counter(episode.task for episode in kept),
        decisions=sum(episode.num_decisions for episode in kept),
        crashed=len(chosen) - len(kept),
    )


def _alike(episodes: Iterator[Episode]) -> Iterator[Episode]:
    """ConfigError: one has other arrays than the first, and the format holds one kind only."""
    first: tuple[object, ...] | None = None
    for episode in episodes:
        kind = (
            {name: values.shape[1:] for name, values in episode.observations.items()},
            episode.actions.shape[1:],
            {name: values.shape[1:] for name, values in episode.facts.items()},
        )
        first = first or kind
        if kind != first:
            raise ConfigError(
                f"episode {episode.episode_id}: has other observations, actions or facts than those before, and a "
                "dataset of this format holds one kind: export them apart, e.g. by --source"
            )
        yield episode


def _datasets(kept: list[EpisodeSummary], file_format: str, root: Path) -> list[tuple[Path, str, list[str]]]:
    """Folder, task and episode ids of each dataset."""
    if file_format in ONE_FOR_ALL:
        return [(root, "", [episode.episode_id for episode in kept])]
    tasks = sorted({episode.task for episode in kept})
    return [
        (root / folder_of(task, file_format), task, [some.episode_id for some in kept if some.task == task])
        for task in tasks
    ]
