"""Methods: which of them a path has. Routing alone knows only those of the first route that fits."""

import re
from collections.abc import Mapping
from typing import Any

PARAMETER = re.compile(r"\\\{\w+\\\}")


def allowed(document: Mapping[str, Any], path: str) -> str:
    """For the header Allow, from the OpenAPI document. A verb after a colon is no part of a name."""
    found = {
        method.upper()
        for template, operations in document["paths"].items()
        if re.fullmatch(PARAMETER.sub("[^/:]+", re.escape(template)), path)
        for method in operations
    }
    return ", ".join(sorted(found))
