"""How two nested mappings of plain values differ, setting by setting."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One setting with two values."""

    key: str
    """Dotted."""
    before: str
    now: str
    """As a person reads them; `nothing` where there is none."""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Every value that is not the same in both, ordered by key."""
    old, new = dict(_flat("", before)), dict(_flat("", now))
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new or old[key] != new[key]:
            yield Difference(key=key, before=_shown(old, key), now=_shown(new, key))


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Dotted key -> value, down to values that hold no mapping."""
    if isinstance(value, Mapping) and value:
        named = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        named = {str(index): item for index, item in enumerate(value)}.items()
    else:
        yield key, value
        return
    for name, item in named:
        yield from _flat(f"{key}.{name}" if key else name, item)


def _shown(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"
