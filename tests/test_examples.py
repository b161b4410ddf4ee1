from pathlib import Path

import pytest

from flywheel.cli import DEMO
from flywheel.config import load
from flywheel.environments import suites

FOLDER = Path(__file__).parent.parent / "deploy" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


def test_every_kind_of_run_has_an_example():
    assert {path.stem for path in EXAMPLES} >= {"metaworld", "metaworld-hard", "fetch", "ogbench-cube", "gym", "mixed"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_task_of_an_example_exists(path):
    config = load(path)
    suites.check(config.suites)
    names = [f"{suite.suite}/{task}" for suite in config.suites for task in suite.tasks]
    assert list(suites.tasks_of(config.suites)) == names


def test_the_demo_is_the_metaworld_example():
    assert load(DEMO) == load(FOLDER / "metaworld.yaml")
