"""What `make lint` cannot say about imports."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = PROJECT["dependencies"]
NEEDED_TO_TEST = NEEDED + PROJECT["optional-dependencies"]["dev"]


def imported(path):
    """The top-level names of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def from_outside(folder):
    """Top-level names that are neither Python's nor the project's own."""
    names = {name for path in folder.rglob("*.py") for name in imported(path)}
    own = {"flywheel", "tests", "benchmarks", "dashboards", "helm"} | {path.stem for path in folder.rglob("*")}
    return names - own - sys.stdlib_module_names


def distribution(name):
    return re.split(r"[\[=<>~! ]", name)[0].lower().replace("_", "-")


def test_the_core_imports_numpy_and_nothing_else_from_outside():
    assert from_outside(ROOT / "flywheel" / "core") == {"numpy"}


@pytest.mark.parametrize(
    ("folder", "declared"),
    [("flywheel", NEEDED), ("tests", NEEDED_TO_TEST), ("dashboards", NEEDED_TO_TEST), ("helm", NEEDED_TO_TEST)],
)
def test_whatever_is_imported_is_declared(folder, declared):
    provided_by = packages_distributions()
    allowed = {distribution(name) for name in declared}
    undeclared = {
        name
        for name in from_outside(ROOT / folder)
        if not allowed & {distribution(some) for some in provided_by.get(name, ())}
    }
    assert undeclared == set()


def test_every_dependency_is_pinned_the_same_in_the_constraints():
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    pinned = {distribution(name): version for name, version in pinned.items()}
    for requirement in NEEDED_TO_TEST:
        assert pinned[distribution(requirement)] == requirement.split("==")[1], requirement


def test_metrics_alone_knows_prometheus():
    knowing = {path.parent for path in (ROOT / "flywheel").rglob("*.py") if "prometheus_client" in imported(path)}
    assert knowing == {ROOT / "flywheel" / "metrics"}
