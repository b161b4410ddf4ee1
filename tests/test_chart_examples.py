"""Every configuration that is shipped can be the chart's `loop`, and the chart's own is the smallest."""

from pathlib import Path

import pytest
import yaml
from charts import CHART, RefusedError, render, served

from flywheel.config import parse

EXAMPLES = sorted((CHART.parent.parent / "deploy" / "examples").glob("*.yaml"))


def loop_of(settings: dict, folder: Path) -> dict:
    """As Ray Serve gets it."""
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump({"loop": settings, "store": {"url": "s3://bucket/prefix"}}), encoding="utf-8")
    (application,) = served(render("-f", str(path)))["applications"]
    return application["args"]["config"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_taken_as_it_is(path: Path, tmp_path: Path):
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert parse(loop_of(settings, tmp_path), origin="chart") == parse(settings, origin="example")


def test_a_single_mixture_is_taken_as_the_command_takes_it(tmp_path: Path):
    settings = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["loop"]
    settings["train"] = {"mixture": {"sources": {"demonstration": 1}}}
    assert parse(loop_of(settings, tmp_path), origin="chart") == parse(settings, origin="example")


def test_a_typo_inside_of_a_suite_is_named(tmp_path: Path):
    settings = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["loop"]
    settings["suites"][0]["max_decision"] = settings["suites"][0].pop("max_decisions")
    with pytest.raises(RefusedError, match="max_decision"):
        loop_of(settings, tmp_path)
