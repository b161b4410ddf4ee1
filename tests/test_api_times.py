"""Times in requests."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from flywheel.api.times import Moment, Time

TIME, MOMENT = TypeAdapter(Time), TypeAdapter(Moment)


@pytest.mark.parametrize("given", ["2026-01-05T09:30:00Z", "2026-01-05T10:30:00+01:00", "2026-01-05T09:30:00.000z"])
def test_a_time_is_what_rfc_3339_says(given: str) -> None:
    assert TIME.validate_python(given) == datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["2026-01-05", "2026-01-05T09:30:00", "1767605400", 1767605400, "", "2026-13-05T09:30:00Z"]
)
def test_what_others_also_take_for_a_time_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_python(given)


@pytest.mark.parametrize("given", ["2026-01-05T09:30:00Z", "1767605400000"])
def test_a_moment_may_also_be_counted_in_milliseconds(given: str) -> None:
    assert MOMENT.validate_python(given) == datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("given", ["2026-01-05", "", "-1", "1.5", "1" * 15, "now"])
def test_what_is_no_moment_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(given)
