"""The chart's values, read from values.yaml: path, default, and what the comment above says."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

COMMENT = re.compile(r"^ *# -- (?:\((?P<kind>[^)]+)\) )?(?P<text>.+)$")
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z0-9]+):")
INDENT = 2
KINDS = {bool: "bool", int: "int", str: "string"}


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value that may be set."""

    path: tuple[str, ...]
    default: Any
    kind: str
    """A type of `build.SCALARS`, or the words that it may be, between bars."""
    text: str


def read(text: str) -> list[Value]:
    """In the file's order. ValueError: a value has no comment, or one whose type is not known."""
    defaults = yaml.safe_load(text)
    found: list[Value] = []
    place: list[str] = []
    comment: re.Match[str] | None = None
    inside: int | None = None  # A value's own lines are deeper than its key.
    for line in text.splitlines():
        key = KEY.match(line)
        if key is not None:
            depth = len(key["indent"]) // INDENT
            if inside is not None and depth > inside:
                continue
            inside = None
            place = [*place[:depth], key["key"]]
            default = _at(defaults, place)
            if comment is not None:
                inside = depth
                found.append(_value(tuple(place), default, comment))
            elif not isinstance(default, dict) or not default:
                raise ValueError(f"{'.'.join(place)}: a comment is needed that begins with # --")
        comment = COMMENT.match(line)
    return found


def _value(path: tuple[str, ...], default: Any, comment: re.Match[str]) -> Value:
    kind = comment["kind"] or KINDS.get(type(default))
    if kind is None:
        raise ValueError(f"{'.'.join(path)}: the comment must say its type: # -- (map) ...")
    return Value(path=path, default=default, kind=kind, text=comment["text"])


def _at(values: Any, path: list[str]) -> Any:
    for name in path:
        values = values[name]
    return values
