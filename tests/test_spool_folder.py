import os
import signal
import subprocess
import sys

from flywheel.store.spool_folder import SpoolFolder

HOLDER = """
import sys
from pathlib import Path
from flywheel.store.spool_folder import SpoolFolder
folder = SpoolFolder(parent=Path(sys.argv[1]))
print(folder.write("part", b"data"), flush=True)
sys.stdin.read()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_nothing_is_made_before_something_is_written(tmp_path):
    folder = SpoolFolder(parent=tmp_path / "spool")
    assert names(tmp_path) == []
    assert folder.write("part", b"data").read_bytes() == b"data"
    assert folder.path == tmp_path / "spool" / folder.path.name


def test_what_a_killed_process_left_is_taken_away_and_what_a_living_one_holds_is_not(tmp_path):
    command = [sys.executable, "-c", HOLDER, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        path = holder.stdout.readline().strip()
        SpoolFolder(parent=tmp_path)
        assert os.path.exists(path)
        os.kill(holder.pid, signal.SIGKILL)
    assert os.path.exists(path)
    SpoolFolder(parent=tmp_path)
    assert names(tmp_path) == []


def test_a_process_that_ends_takes_its_folder_away(tmp_path):
    subprocess.run([sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert names(tmp_path) == []


def test_two_of_one_process_do_not_disturb_one_another(tmp_path):
    first = SpoolFolder(parent=tmp_path)
    path = first.write("part", b"first")
    second = SpoolFolder(parent=tmp_path)
    assert second.write("part", b"second").read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    del second
    assert path.read_bytes() == b"first"
