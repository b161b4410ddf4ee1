"""Deaths: what Ray says of processes that are gone, as a person should read it."""

import re

IDENTIFIERS = re.compile(r"(class_name|actor_id|pid|name|namespace|ip|node id): ", re.IGNORECASE)
GENERAL = "The actor died unexpectedly before finishing this task."
"""Said of all of them."""
GUESSES = "Some common causes include"
"""What follows fits all of them too."""


def reason(failure: Exception) -> str:
    """In one line, without identifiers that help nobody."""
    lines = [line.strip() for line in str(failure).partition(GUESSES)[0].splitlines()]
    telling = [line for line in lines if line and line != GENERAL and not IDENTIFIERS.match(line)]
    return " ".join(telling) or (GENERAL if lines else type(failure).__name__)
