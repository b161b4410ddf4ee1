"""Failures: says it when too many of a stage's episodes end by an error."""

from typing import Final

from flywheel.core.commands.episodes import report_failing
from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft, Entry
from flywheel.core.iteration import Stage
from flywheel.ports import Chronicle, Records
from flywheel.service.history import History, newest_start, num_episodes

WATCHED: Final = (Stage.COLLECT, Stage.EVALUATE)


class Failures:
    """Looks at every stage that makes episodes, as it ends; after a start, at those of the newest iteration too."""

    def __init__(self, *, chronicle: Chronicle, records: Records, allowed: float) -> None:
        """`allowed`: share of a stage's episodes that may end by an error."""
        self._chronicle, self._allowed = chronicle, allowed
        self._history = History(records=records)
        self._next: int | None = None
        """The first entry that was not looked at."""

    def tick(self) -> list[Entry]:
        """StoreError: the store does not answer; the next call tries again."""
        control, made = self._chronicle.control(), []
        for entry in control.entries[newest_start(control) if self._next is None else self._next :]:
            if entry.action is Action.STAGE_COMPLETED and entry.details["stage"] in WATCHED:
                made.append(self._look(entry.subject_number, Stage(entry.details["stage"])))
            self._next = entry.number + 1
        return [entry for entry in made if entry is not None]

    def _look(self, number: int, stage: Stage) -> Entry | None:
        def decide(control: Control) -> Draft | None:
            results = self._history.results(control.iterations[number], stage)
            errors, episodes = {task: result["errors"] for task, result in results.items()}, num_episodes(results)
            if sum(errors.values()) <= self._allowed * episodes:
                return None
            return report_failing(
                control,
                number,
                stage,
                by="supervisor",
                errors=errors,
                episodes=episodes,
                allowed=self._allowed,
            )

        return self._chronicle.append(decide)
