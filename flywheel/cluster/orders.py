"""Orders: what training workers are to do, and what they say of it. Of its own: its process imports next to nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class News:
    """Of the newest order."""

    progress: tuple[int, int, Mapping[str, float]] | None
    """Updates done, updates in all, and the learner's figures; None before the first report."""
    told: list[str]
    """What a person should read."""
    outcome: Any
    """None until it is carried out."""
    has_begun: bool = False
    """A worker has taken it."""


class Orders:
    """Kept by an actor, because Ray Train itself tells its caller only the end. One order after the other."""

    def __init__(self) -> None:
        self._num_starts = 0
        self._number, self._order, self._closed = 0, None, False
        self._withdrawn = self._begun = False
        self._progress: tuple[int, int, Mapping[str, float]] | None = None
        self._told: list[str] = []
        self._outcome: Any = None
        self._changed = asyncio.Condition()

    async def give(self, order: Any) -> None:
        async with self._changed:
            self._number, self._order = self._number + 1, order
            self._progress, self._told, self._outcome = None, [], None
            self._withdrawn = self._begun = False
            self._changed.notify_all()

    async def take(self, done: int, rank: int) -> tuple[int, Any] | None:
        """The order after number `done` and its number, once there is one; one that was carried out is passed over.

        None: there will be no more. A worker that starts has done 0.
        """
        if rank == done == 0:
            self._num_starts += 1
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or (self._number > done and self._is_open()))
            self._begun = not self._closed
            return None if self._closed else (self._number, self._order)

    async def close(self) -> None:
        """Whoever asks for an order may go."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def withdraw(self) -> None:
        """The newest order is not to be carried out any more."""
        self._withdrawn = True

    async def say(self, done: int, total: int, figures: Mapping[str, float]) -> bool:
        """How far the newest order is; whether to go on with it."""
        self._progress = done, total, figures
        return not self._withdrawn

    async def tell(self, message: str) -> None:
        self._told.append(message)

    async def finish(self, outcome: Any) -> None:
        """The newest order is carried out."""
        self._outcome = outcome

    async def news(self, heard: int) -> News:
        """`heard`: how many of the messages are known already."""
        return News(progress=self._progress, told=self._told[heard:], outcome=self._outcome, has_begun=self._begun)

    def _is_open(self) -> bool:
        """Also one that was withdrawn after a worker had begun it: that worker waits for the others."""
        return self._outcome is None and (self._begun or not self._withdrawn)

    async def starts(self) -> int:
        """How often the first worker was started."""
        return self._num_starts
