"""Which code this is: what every record says it was written by."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

CODE_VERSION: Final = version("flywheel")

LOOP_VERSION: Final = 1
"""Of what stages record and compute. An iteration that one release began, another finishes if this is the same in both.

Raise it with any change after which a stage would not go on as the one before it expected: other contents of records,
other episodes for the same seeds, other updates from the same checkpoint.
"""


def loop_version(outcome: Mapping[str, Any]) -> int:
    """Of the stage that recorded this."""
    recorded: int = outcome.get("loop", 1)
    return recorded
