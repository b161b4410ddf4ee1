"""Times in requests: RFC 3339 with a time zone, and no other way to write one but where dashboards write numbers."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
EPOCH_MS = re.compile(r"\d{1,14}")
"""Milliseconds since 1970, up to the year 5138."""


def _written_out(given: Any) -> Any:
    if not isinstance(given, str) or not RFC_3339.fullmatch(given):
        raise ValueError("not a time with a time zone as in RFC 3339, such as 2026-01-05T09:30:00Z")
    return given


def _written_or_counted(given: Any) -> Any:
    if isinstance(given, str) and EPOCH_MS.fullmatch(given):
        return datetime.fromtimestamp(int(given) / 1000, tz=UTC)
    return _written_out(given)


Time = Annotated[AwareDatetime, BeforeValidator(_written_out)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_or_counted)]
"""A time, or milliseconds since 1970, as Grafana's links have it."""
