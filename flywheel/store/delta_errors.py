"""What Delta Lake's errors mean. Its texts are trees of several lines, drawn in colour."""

import re

from flywheel.core.errors import StoreError, StoreUnavailableError

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
BRANCH = re.compile(r"^\s*↳\s*")
TRANSIENT = re.compile(
    r"error sending request|timed out|connection (?:refused|reset|closed)|"
    r"\b(?:429 Too Many|500 Internal|502 Bad Gateway|503 Service|504 Gateway)",
    re.IGNORECASE,
)


def translated(failure: Exception, *, what: str) -> StoreError:
    """StoreUnavailableError: the store did not answer Delta Lake, which has tried for as long as it was told to."""
    lines = [BRANCH.sub("", line).strip() for line in COLOUR.sub("", str(failure)).splitlines()]
    text = " ".join(line for line in lines if line)
    if TRANSIENT.search(text) and "invalid peer certificate" not in text:
        return StoreUnavailableError(f"{what}: the store does not answer: {text}")
    return StoreError(f"{what}: {lines[0] if lines else type(failure).__name__}")
