import pytest

from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.store.retries import Patience, persist

PATIENT = Patience(deadline_s=20.0)


class Attempts:
    """Fails as told, then returns how often it was called."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        if self._failures:
            raise self._failures.pop(0)
        return self.count


def test_a_store_that_is_back_in_time_was_never_away():
    attempts = Attempts(StoreUnavailableError("busy"), StoreUnavailableError("busy"))
    assert persist(attempts, what="a", patience=PATIENT) == 3


def test_what_another_attempt_would_not_help_fails_at_once():
    attempts = Attempts(StoreError("no such bucket"))
    with pytest.raises(StoreError, match="^no such bucket$"):
        persist(attempts, what="a", patience=PATIENT)
    assert attempts.count == 1


def test_the_deadline_ends_it_and_the_error_says_what_was_tried():
    attempts = Attempts(*[StoreUnavailableError("busy")] * 1000)
    with pytest.raises(StoreUnavailableError, match=r"^s3://a/b: busy \(\d+ attempt\(s\) in \d+ s\)$"):
        persist(attempts, what="s3://a/b", patience=Patience(deadline_s=0.5))
    assert 2 <= attempts.count < 1000


def test_without_a_deadline_there_is_one_attempt():
    attempts = Attempts(StoreUnavailableError("busy"))
    with pytest.raises(StoreUnavailableError, match=r"1 attempt"):
        persist(attempts, what="a", patience=Patience(deadline_s=0.0))
    assert attempts.count == 1
