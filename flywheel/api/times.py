"""Times in requests: RFC 3339 with a time zone, and no other way to write one."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def _written_out(given: Any) -> Any:
    if not isinstance(given, str) or not RFC_3339.fullmatch(given):
        raise ValueError("not a time with a time zone as in RFC 3339, such as 2026-01-05T09:30:00Z")
    return given


Time = Annotated[AwareDatetime, BeforeValidator(_written_out)]
