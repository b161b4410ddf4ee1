from datetime import UTC, datetime

import pytest

from flywheel.core.errors import ConfigError
from flywheel.service.cron import check_cron, latest


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "now", "due"),
    [
        ("0 2 * * *", "2026-01-05T09:30:00", "2026-01-05T02:00:00"),
        ("0 2 * * *", "2026-01-05T01:59:59.999", "2026-01-04T02:00:00"),
        ("0 2 * * *", "2026-01-05T02:00:00", "2026-01-05T02:00:00"),
        ("0 2 * * *", "2026-01-05T02:00:00.000001", "2026-01-05T02:00:00"),
        ("*/15 * * * *", "2026-01-05T09:44:59", "2026-01-05T09:30:00"),
        ("0 0 * * MON", "2026-01-08T09:00:00", "2026-01-05T00:00:00"),
        ("0 0 29 2 *", "2026-01-05T09:30:00", "2024-02-29T00:00:00"),
    ],
)
def test_the_newest_time_that_is_due(cron, now, due):
    assert latest(cron, now=at(now)) == at(due)


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("", "0 fields, not 5"),
        ("0 0 2 * * *", "6 fields, not 5"),
        ("60 * * * *", "Bad minute"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 0 * * MON#9", "Bad day-of-week"),
        ("nonsense", "1 fields, not 5"),
    ],
)
def test_what_is_no_cron_is_refused(cron, problem):
    with pytest.raises(ConfigError, match=problem):
        check_cron(cron, now=at("2026-01-05T09:30:00"))
