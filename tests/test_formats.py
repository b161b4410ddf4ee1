import sys

import pytest

from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import FORMATS, folder_of, module_of


def test_every_format_reads_and_writes():
    for name in FORMATS:
        module = module_of(name)
        assert callable(module.read)
        assert callable(module.write)


def test_an_unknown_format_is_told_the_known_ones():
    with pytest.raises(ConfigError, match="--format csv: unknown; there are parquet, arrow, minari"):
        module_of("csv")


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "flywheel.exchange.minari", None)
    with pytest.raises(ConfigError, match=r"--format minari: needs the package .*: pip install 'flywheel\[minari\]'"):
        module_of("minari")


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("metaworld/reach-v3", "metaworld/reach-v3"),
        ("ogbench/cube-single", "ogbench/cube-single-v0"),
        ("a/b-vx", "a/b-vx-v0"),
    ],
)
def test_minari_names_a_dataset_as_the_task_with_a_version(task, name):
    assert folder_of(task, "minari") == folder_of(task, "minari-arrow") == name
    assert folder_of(task, "lerobot") == task
