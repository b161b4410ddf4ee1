"""Which code this is, and that nothing of what stages record changes unnoticed."""

import json
from importlib.metadata import version
from pathlib import Path

from world import World

from flywheel.core.code_version import CODE_VERSION, LOOP_VERSION
from flywheel.core.iteration import Stage, record_key
from flywheel.loop import run

SHAPES = Path(__file__).parent / "data" / "records-of-the-loop.json"


def test_it_is_the_installed_one():
    assert version("flywheel") == CODE_VERSION


def test_what_stages_record_has_the_shape_that_the_loop_version_stands_for():
    """It changed? Then raise LOOP_VERSION, and write what is found here to the file."""
    world = World()
    run(world.ports(), iterations=1)
    records = {
        f"{number}/{stage}": world.records.read(record_key(number, stage)) for number in (0, 1) for stage in Stage
    }
    found = {name: shape(record) for name, record in records.items() if record is not None}
    assert {"loop": LOOP_VERSION, "records": found} == json.loads(SHAPES.read_text())


def shape(value):
    """What keys there are, and what kind of value each has; names of tasks are keys too."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(shape(item)) for item in value})
    return type(value).__name__
