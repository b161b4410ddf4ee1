"""Writes the chart's README and the schema of its values, from values.yaml.

python -m helm.build
"""

import json
from pathlib import Path
from typing import Any

from flywheel.config import Config
from helm.values import Value, read

FOLDER = Path(__file__).parent / "flywheel"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

Schema = dict[str, Any]
SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "int": {"type": "integer", "minimum": 0},
    "bool": {"type": "boolean"},
    "quantity": {"type": "string", "pattern": QUANTITY},
    "object": {"type": "object"},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "list": {"type": "array", "items": {"type": "object"}},
    "strings": {"type": "array", "items": {"type": "string"}},
    "loop": {"$ref": "#/$defs/Loop"},
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            part: {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}
            for part in ("requests", "limits")
        },
    },
}


def built() -> dict[str, str]:
    """What should be in the chart's folder, by name."""
    values = read((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    return {"README.md": readme(values), "values.schema.json": f"{json.dumps(schema(values), indent=1)}\n"}


def schema(values: list[Value]) -> Schema:
    """JSON Schema of the values, which knows every setting of the loop and refuses all else."""
    root = _closed()
    for value in values:
        place = root
        for name in value.path[:-1]:
            place = place["properties"].setdefault(name, _closed())
        place["properties"][value.path[-1]] = {**_shape(value.kind), "description": value.text}
    loop = _told_apart(Config.model_json_schema())
    definitions = {**loop.pop("$defs"), "Loop": loop}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "flywheel", **root, "$defs": definitions}


def _told_apart(schema: Any) -> Any:
    """Alternatives that a word tells apart become conditions: a typo is then told of one of them, not of all."""
    if isinstance(schema, list):
        return [_told_apart(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _told_apart(value) for key, value in schema.items()}
    if "discriminator" not in found:
        return found
    word, shapes = found["discriminator"]["propertyName"], found["discriminator"]["mapping"]
    conditions = [
        {"if": {"properties": {word: {"const": value}}}, "then": {"$ref": shape}} for value, shape in shapes.items()
    ]
    return {"type": "object", "required": [word], "properties": {word: {"enum": list(shapes)}}, "allOf": conditions}


def readme(values: list[Value]) -> str:
    """A table of all values under an introduction."""
    rows = [f"| `{'.'.join(value.path)}` | {_shown(value)} | {_escaped(value.text)} |" for value in values]
    head = (FOLDER.parent / "introduction.md").read_text(encoding="utf-8")
    return "\n".join([head, "| value | default | meaning |", "|---|---|---|", *rows, ""])


def _closed() -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _shape(kind: str) -> Schema:
    return SCALARS[kind] if kind in SCALARS else {"type": "string", "enum": kind.split(" | ")}


def _shown(value: Value) -> str:
    if value.kind == "loop":
        return "three tasks of Meta-World"
    return f"`{_escaped(json.dumps(value.default))}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    for name, text in built().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
