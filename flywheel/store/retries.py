"""How long a call to a store goes on trying."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_before_delay, wait_random_exponential

from flywheel.core.errors import StoreUnavailableError

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """What a caller of a store puts up with."""

    deadline_s: float = 60.0
    """No attempt begins later than this; 0: one attempt."""
    attempt_s: float = 10.0
    """How long an attempt waits for the store's next byte."""


def persist(attempt: Callable[[], Result], *, what: str, patience: Patience) -> Result:
    """Repeats an attempt while the store is away, after random pauses that grow.

    StoreUnavailableError says what was tried and for how long. Every other error is the caller's at once.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(StoreUnavailableError),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
        stop=stop_before_delay(patience.deadline_s),
    )
    began = monotonic()
    try:
        return retrying(attempt)
    except RetryError as failure:
        tried = failure.last_attempt
        raise StoreUnavailableError(
            f"{what}: {tried.exception()} ({tried.attempt_number} attempt(s) in {monotonic() - began:.0f} s)"
        ) from tried.exception()
