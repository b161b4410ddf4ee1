import shutil
import subprocess
import sys
from importlib.metadata import version
from io import StringIO

import pytest
import yaml
from fakes import Notebook
from rich.console import Console
from seaweed import SECRET_KEY
from small import small_config, small_settings

from flywheel import launch, wiring
from flywheel.core.errors import ConfigError, ForeignStoreError
from flywheel.loop import run
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A store with nothing left to do but the report."""
    store = str(tmp_path_factory.mktemp("pretrained") / "store")
    wiring.check(small_config(), store)
    run(wiring.local(small_config(), store, Notebook()), iterations=0)
    return store


def test_a_report_is_written_anew_and_its_table_printed(pretrained):
    out = StringIO()
    launch.report(pretrained, Console(file=out, width=40, _environ={}))
    lines = out.getvalue().splitlines()
    assert any("MountainCar" in line for line in lines)
    assert any(line.startswith("final") for line in lines)
    assert lines[-1] == f"report: {pretrained}/report.html"
    assert "\x1b" not in out.getvalue()


def test_a_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no flywheel was ever run here"):
        launch.report(str(tmp_path), Console(file=StringIO()))


def test_another_configurations_store_is_refused_before_anything_is_said_or_started(pretrained):
    out = StringIO()
    with pytest.raises(ForeignStoreError, match="seed"):
        launch.run(small_config(seed=9), store=pretrained, iterations=0, until=None, console=Console(file=out))
    assert out.getvalue() == ""


def test_the_command_on_a_finished_store_starts_ray_prints_plain_lines_and_ends_well(pretrained, tmp_path):
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(small_settings()))
    store = tmp_path / "runs" / "small"
    shutil.copytree(pretrained, store)
    command = [sys.executable, "-m", "flywheel.cli", "run", "given.yaml", "--iterations", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == f"flywheel {version('flywheel')}  small, 2 tasks, alpha_pac, seed 1, store runs/small"
    assert "  writing the report" in lines
    assert lines[-1] == "report: runs/small/report.html"
    assert "\x1b" not in ended.stdout
    assert (store / "report.html").exists()


def test_the_command_in_s3_counts_the_same_successes_as_in_a_folder(pretrained, s3_store, tmp_path):
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(small_settings()))
    command = [sys.executable, "-m", "flywheel.cli", "run", "given.yaml", "--iterations", "0", "--store", s3_store]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"report: {s3_store}/report.html"
    assert [path.name for path in tmp_path.iterdir()] == ["given.yaml"]
    in_folder, in_s3 = (JsonRecords(objects=open_objects(store)) for store in (pretrained, s3_store))
    for key in ("iterations/0000/ingest", "iterations/0000/evaluate", "final/0000"):
        assert in_s3.read(key)["tasks"] == in_folder.read(key)["tasks"]
    assert SECRET_KEY not in ended.stdout + ended.stderr
    objects = open_objects(s3_store)
    assert not any(SECRET_KEY.encode() in objects.get(key) for key in objects.keys(""))
