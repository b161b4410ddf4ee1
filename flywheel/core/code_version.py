"""Which code this is: what every record says it was written by."""

from importlib.metadata import version
from typing import Final

CODE_VERSION: Final = version("flywheel")


def release(code_version: str) -> str:
    """major.minor: within one release the code computes the same, so that it may go on where the other stopped."""
    return ".".join(code_version.split(".")[:2])
