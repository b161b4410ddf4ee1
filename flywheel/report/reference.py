"""Writes docs/report.md from the schema: python -m flywheel.report.reference > docs/report.md"""

from collections.abc import Mapping
from typing import Any

from flywheel.report.schema import Report

_ORDER = (
    *("Report", "Data", "IterationReport", "GateReport", "LookReport", "TestReport", "MixtureReport"),
    *("StageTime", "PortionReport", "Collected", "Final", "Result", "Mean"),
)

_INTRODUCTION = """\
# report.json

What a run did, as plain JSON at the root of its store, beside `report.html`, which shows the same. It is written after
every run and again by `flywheel report STORE`, also for a run that was interrupted: `finished` is then false and
`missing` says what has no record yet.

Rates are shares in [0, 1] and always come with their n (`episodes`) and an interval at 95%. Times are seconds:
`wall_s` of a clock on the wall, `mean_time_to_success_s` of simulated time. Every key is always there.

This page is written from the schema in `flywheel/report/schema.py` by `python -m flywheel.report.reference`.
"""


def reference() -> str:
    """The page, as Markdown."""
    whole = Report.model_json_schema()
    sections = {"Report": whole, **whole["$defs"]}
    return "\n".join([_INTRODUCTION, *(_section(name, sections[name]) for name in _ORDER)])


def _section(name: str, section: Mapping[str, Any]) -> str:
    rows = [
        f"| `{key}` | {_type(value).replace('|', chr(92) + '|')} | {' '.join(value['description'].split())} |"
        for key, value in section["properties"].items()
    ]
    head = ["| key | type | meaning |", "|---|---|---|"]
    return "\n".join([f"## {name}", "", section["description"], "", *head, *rows, ""])


def _type(value: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in value:
        return str(value["$ref"]).rsplit("/", maxsplit=1)[-1]
    if "anyOf" in value:
        return " | ".join(_type(some) for some in value["anyOf"])
    if "enum" in value:
        return " | ".join(f'"{some}"' for some in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties")
        return f"map to {_type(inner)}" if isinstance(inner, Mapping) else "map"
    return str(value["const"] if "const" in value else value["type"])


if __name__ == "__main__":
    print(reference(), end="")
