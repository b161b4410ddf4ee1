import shutil
import subprocess
import sys
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from dying import Mortal
from fakes import Notebook
from rich.console import Console
from seaweed import SECRET_KEY
from small import small_config, small_settings

from flywheel import launch, wiring
from flywheel.cluster.session import RaySession
from flywheel.core.errors import ConfigError, ForeignStoreError
from flywheel.journal import Ending
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
        launch.run(
            small_config(seed=9),
            store=pretrained,
            errand=launch.Errand(iterations=0, until=None),
            console=Console(file=out),
        )
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


def followed(folder: Path, *, num_deaths: int) -> tuple[Ending, list[str]]:
    def start() -> Any:
        return ray.remote(Mortal).options(num_cpus=0, max_concurrency=2).remote(folder, num_deaths=num_deaths)

    out = StringIO()
    ending = launch.follow(start, launch.Errand(iterations=3, until=0.5), Console(file=out))
    return ending, out.getvalue().splitlines()


def test_a_supervisor_that_dies_is_followed_by_another_with_the_same_errand(ray_session: RaySession, tmp_path: Path):
    ending, lines = followed(tmp_path, num_deaths=2)
    assert ending == Ending(exit_code=0, message="{'iterations': 3, 'until': 0.5, 'accept_version': False}")
    assert [line.partition(":")[0] for line in lines] == ["  the supervisor died"] * 2
    assert lines[-1].endswith("Number 3 of at most 4 goes on")


def test_supervisors_that_go_on_dying_end_the_run(ray_session: RaySession, tmp_path: Path):
    ending, lines = followed(tmp_path, num_deaths=9)
    assert ending.exit_code == 1
    assert ending.message.startswith("4 supervisors died, the last one so: The actor died unexpectedly")
    assert ending.message.endswith("Repeat the command: it goes on where this one stopped.")
    assert len(lines) == 3
