"""The whole process group, or Ray's head, is killed at every kind of moment; the same command goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import DEADLINE_S, OUTPUT, inspect, kill, kill_head, running, wait_until, write_config
from small import NAME, small_settings

HEAD_DEADLINE_S = 15.0
"""Within which the command says that Ray died; Ray itself would take a minute."""


def wait_for(process: "subprocess.Popen[bytes]", folder: Path, happened: Callable[[], bool]) -> None:
    said = folder / OUTPUT
    assert wait_until(happened, process, said=said), said.read_text()


def kill_when(folder: Path, happened: Callable[[], bool]) -> None:
    """Runs the command until it happened, then kills the group at once."""
    with running(folder) as process:
        wait_for(process, folder, happened)
        os.killpg(process.pid, signal.SIGKILL)


def kill_the_head_when(folder: Path, happened: Callable[[], bool]) -> None:
    """The command ends by itself, soon, and says why."""
    with running(folder) as process:
        wait_for(process, folder, happened)
        began = time.monotonic()
        kill_head(process)
        assert process.wait(DEADLINE_S) == 1
        assert time.monotonic() - began < HEAD_DEADLINE_S
    last = (folder / OUTPUT).read_text().splitlines()[-1]
    assert last.startswith("error: Ray died: its ")
    assert last.endswith("is gone. Repeat the command: it goes on where this one stopped.")


def one_more_file_of_episodes(store: Path) -> Callable[[], bool]:
    """Collectors have written, and nothing is committed yet."""
    before: list[int] = []

    def happened() -> bool:
        files = len(list((store / "episodes").rglob("*.parquet")))
        before.append(files)
        return files > before[0]

    return happened


def records(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted((store / "records").rglob("*.json"))}


def whole(settings: dict[str, Any], store: Path, *, iterations: int) -> None:
    found = inspect(settings, str(store), iterations=iterations)
    assert (found.missing, found.twice, found.errors) == ([], [], [])


@pytest.mark.timeout(900)
def test_a_run_that_is_killed_everywhere_ends_like_one_that_is_not(tmp_path: Path):
    settings = small_settings()
    write_config(tmp_path, settings)
    store = tmp_path / "runs" / NAME
    improvement = store / "records" / "iterations" / "0001"
    pretraining = store / "records" / "iterations" / "0000"
    points: list[tuple[Callable[[Path, Callable[[], bool]], None], Callable[[], bool]]] = [
        (kill_the_head_when, (pretraining / "ingest.json").exists),
        (kill_when, lambda: any((store / "checkpoints" / "policy-0000").rglob("manifest.json"))),
        (kill_when, (pretraining / "train.json").exists),
        (kill_the_head_when, (pretraining / "evaluate.json").exists),
        (kill_when, one_more_file_of_episodes(store)),
        (kill_when, (improvement / "collect.json").exists),
    ]
    kept: dict[str, bytes] = {}
    for kill_it, happened in points:
        kill_it(tmp_path, happened)
        now = records(store)
        assert {key: now[key] for key in kept} == kept, "what has a record is not done again"
        kept = now
    killed: dict[str, int | None] = {}
    with running(tmp_path) as process:
        # One command outlives every process that it can replace.
        for kind in ("supervisor", "training worker", "collector", "replica"):
            killed[kind] = kill(process, kind)
        assert process.wait(DEADLINE_S) == 0, (tmp_path / OUTPUT).read_text()
    assert None not in killed.values(), killed
    assert "the supervisor died: " in (tmp_path / OUTPUT).read_text()
    now = records(store)
    assert {key: now[key] for key in kept} == kept
    whole(settings, store, iterations=1)
