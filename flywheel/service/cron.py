"""Cron: times at which something is due, in UTC."""

from datetime import datetime

from cronsim import CronSim, CronSimError

from flywheel.core.errors import ConfigError

NUM_FIELDS = 5


def check_cron(cron: str, *, now: datetime) -> None:
    """ConfigError: not five fields of cron, or no time ever fits them."""
    try:
        if len(cron.split()) != NUM_FIELDS:
            raise CronSimError(f"{len(cron.split())} fields, not {NUM_FIELDS}")
        next(CronSim(cron, now))
    except CronSimError as failure:
        raise ConfigError(f"cron {cron!r}: {failure}; minute, hour, day of month, month, day of week, in UTC") from None
    except StopIteration:
        raise ConfigError(f"cron {cron!r}: no time fits it in 50 years") from None


def latest(cron: str, *, now: datetime) -> datetime | None:
    """The newest time that is due by `now`, which is in UTC; None: there was none in 50 years. ConfigError: no cron."""
    check_cron(cron, now=now)
    # A microsecond later, so that the very minute counts: going backwards, the start itself is left out.
    return next(CronSim(cron, now.replace(microsecond=now.microsecond or 1), reverse=True), None)
