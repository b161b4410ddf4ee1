"""Calls: whoever in this process wants to hear of its calls to a store is told of each: what it was and how it went."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter

from flywheel.core.errors import NotFoundError, RecordExistsError


class Operation(StrEnum):
    """Delta Lake's own calls are not among them."""

    GET = "get"
    PUT = "put"
    LIST = "list"
    DELETE = "delete"


class CallOutcome(StrEnum):
    """That there is no such object, or is one already, is an answer like others."""

    OK = "ok"
    RETRIED = "retried"
    """Answered, but not at once."""
    FAILED = "failed"


Hear = Callable[[Operation, CallOutcome, float], None]
"""With the seconds that it took, repetitions included. It must not fail, and is told in the caller's thread."""

_hearers: list[Hear] = []


def hear(hearer: Hear) -> None:
    """For as long as this process lives."""
    _hearers.append(hearer)


@dataclass
class Call:
    """One that is under way."""

    num_attempts: int = 0
    """Where whoever makes it repeats it."""


@contextmanager
def told(operation: Operation) -> Iterator[Call]:
    """The call that the block makes."""
    call, began = Call(), perf_counter()
    outcome = CallOutcome.FAILED
    try:
        yield call
        outcome = CallOutcome.OK
    except (NotFoundError, RecordExistsError):
        outcome = CallOutcome.OK
        raise
    finally:
        if outcome is CallOutcome.OK and call.num_attempts > 1:
            outcome = CallOutcome.RETRIED
        for hearer in _hearers:
            hearer(operation, outcome, perf_counter() - began)
