"""Narration: the log and the trace of what is turned on one store. Both are kept up while the store is away."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from flywheel.logs.kept import KeptLogs
from flywheel.logs.narrator import Narrator
from flywheel.observers import Observers
from flywheel.ports import Observer
from flywheel.store import identity
from flywheel.store.logs import LOGS_PATIENCE, ObjectLogs
from flywheel.store.objects import open_objects
from flywheel.tracing.choice import turns

SETTLE_S = 2.0
"""How long the end of an iteration waits for its last lines to be in the store."""


class Narration:
    """As a context: what is logged about iterations meanwhile is kept in the store."""

    def __init__(self, *, store: str, others: Observer) -> None:
        """`others` hear what happens too."""
        self._narrator = Narrator()
        self._traces = turns(lambda: identity.read(open_objects(store)).store_id)
        logs = ObjectLogs(objects=open_objects(store, patience=LOGS_PATIENCE))
        self._kept = KeptLogs(logs=logs, process="supervisor")
        self._parts = ExitStack()
        # The log first: what the others say of it is about the stage already.
        self.observer: Observer = Observers(observers=[self._narrator, self._traces, others])
        """What stages tell."""

    def __enter__(self) -> Self:
        self._parts.enter_context(self._kept)
        self._parts.callback(self._traces.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    @contextmanager
    def turning(self, iteration: int | None = None) -> Iterator[None]:
        """Around what turns one iteration; None: which ones, the stages say."""
        if iteration is not None:
            self._narrator.began(iteration)
            self._traces.began(iteration)
        try:
            yield
        except Exception as failure:
            self._end(failure)
            raise
        else:
            self._end(None)

    def settle(self) -> None:
        """Before this process ends: what was logged should be in the store."""
        self._kept.settle(within_s=SETTLE_S)

    def _end(self, failure: Exception | None) -> None:
        self._traces.ended(failure)
        self._narrator.ended(failure)
        self.settle()
