"""Runs a small flywheel again and again, does something to it at a random moment, and checks what is left.

    python tests/soak.py --runs 30 --seed 7

Every run prints its seed: `--runs 1 --seed N` does the same again, as far as chance allows. Needs the test packages;
the faults of object storage need SeaweedFS, those of a full disk also the right to mount.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

from faults import (
    DEADLINE_S,
    OUTPUT,
    VICTIMS,
    Finding,
    descendants,
    inspect,
    kill,
    kill_head,
    running,
    victims,
    wait_until,
)
from faults import write_config as write
from s3_store import new_store
from seaweed import Seaweed
from small import small_settings

from flywheel.config import parse
from flywheel.workshop import Workshop

ITERATIONS = 1
MOST_RECORDS = 9
"""Before the last stage of the last iteration is over."""
LONGEST_PAUSE_S = 4.0
OUTAGE_S = 10.0
SPOOL_BYTES = 16_384
ATTEMPTS = 4

Strike = Callable[["Trial", "subprocess.Popen[bytes]"], str | None]
"""Does it, and says to what; None: there was nothing left to do it to."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run and what is done to it."""

    seed: int
    fault: str
    num_records: int
    """It strikes once there are so many records ..."""
    pause_s: float
    """... and so much time has passed since."""
    folder: Path
    store: str
    server: Seaweed | None
    random: Random = field(repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        spool = {"spool_folder": str(self.folder / "spool")}
        return small_settings(
            train={"num_updates": [400, 200], "batch_size": 32, "checkpoint_every": 50, "warmup_updates": 5},
            collect={"episodes_per_task": 4, "num_environments": 4},
            storage=spool,
        )


def killed_alone(kind: str) -> Strike:
    def strike(trial: Trial, process: "subprocess.Popen[bytes]") -> str | None:
        victim = kill(process, kind, choice=trial.random.choice)
        return None if victim is None else f"process {victim}"

    return strike


def killed_head(trial: Trial, process: "subprocess.Popen[bytes]") -> str | None:
    """Not before there is one."""

    def there_is_one() -> bool:
        return any("/raylet/raylet " in title for title in descendants(process.pid).values())

    if not wait_until(there_is_one, process, said=trial.folder / OUTPUT):
        return None
    kill_head(process)
    return "all processes of Ray"


def killed_group(trial: Trial, process: "subprocess.Popen[bytes]") -> str:
    os.killpg(process.pid, signal.SIGKILL)
    return "the process group"


def outage(trial: Trial, process: "subprocess.Popen[bytes]") -> str:
    assert trial.server is not None
    trial.server.kill()
    restart = Timer(OUTAGE_S, trial.server.start)
    restart.start()
    outlived = wait_until(lambda: not restart.is_alive(), process, said=trial.folder / OUTPUT)
    restart.join()
    return f"the S3 server, for {OUTAGE_S:g} s{'' if outlived else ', and the command ended meanwhile'}"


def filled_spool(trial: Trial, process: "subprocess.Popen[bytes]") -> str | None:
    """An outage from when a collector starts, so that what it makes goes to the spool."""
    if not wait_until(lambda: bool(victims(process, "collector")), process, said=trial.folder / OUTPUT):
        return None
    return outage(trial, process)


FAULTS: dict[str, Strike] = {
    **{kind: killed_alone(kind) for kind in VICTIMS},
    "head": killed_head,
    "group": killed_group,
    "S3 server": outage,
    "full spool": filled_spool,
}
ON_S3_ONLY = ("S3 server", "full spool")


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system that is full at once."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disturb(trial: Trial) -> tuple[str | None, int]:
    """Runs the command, strikes, and repeats the command until it succeeds; what was struck, and how many runs."""
    workshop = Workshop(config=parse(trial.settings, origin="soak"), store=trial.store)
    arguments = ("--store", trial.store, "--iterations", str(ITERATIONS))
    said, struck = trial.folder / OUTPUT, None
    for attempt in range(1, ATTEMPTS + 1):
        with running(trial.folder, *arguments) as process:
            if attempt == 1:
                due = wait_until(
                    lambda: len(workshop.records.keys("iterations/")) >= trial.num_records, process, said=said
                )
                time.sleep(trial.pause_s)
                if due and process.poll() is None:
                    struck = FAULTS[trial.fault](trial, process)
            if process.wait(DEADLINE_S) == 0:
                return struck, attempt
    raise AssertionError(f"the command failed {ATTEMPTS} times")


def verify(trial: Trial) -> Finding:
    """AssertionError: something is lost, there twice, or damaged."""
    found = inspect(trial.settings, trial.store, iterations=ITERATIONS)
    assert not found.missing, f"missing: {found.missing}"
    assert not found.twice, f"there twice: {found.twice}"
    command = [sys.executable, "-m", "flywheel.cli", "data", "verify", "--store", trial.store]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"data verify: {checked.stdout}{checked.stderr}"
    return found


def run_trial(trial: Trial) -> bool:
    """Prints one line; and what the command said where it went wrong."""
    began = time.monotonic()
    write(trial.folder, trial.settings)
    try:
        if trial.fault == "full spool":
            with small_disk(trial.folder / "spool"):
                struck, runs = disturb(trial)
        else:
            struck, runs = disturb(trial)
        found = verify(trial)
    except Exception:  # noqa: BLE001 - the other trials go on
        print(f"FAILED {trial}\n{traceback.format_exc()}\n{(trial.folder / OUTPUT).read_text()}", flush=True)
        return False
    pauses = (trial.folder / OUTPUT).read_text().count("collecting pauses")
    print(
        f"seed {trial.seed:<12} {trial.fault:<16} after {trial.num_records} records and {trial.pause_s:4.1f} s: "
        f"{struck or 'over before'}; {runs} run(s), {pauses} pause(s), {len(found.errors)} failed episode(s), "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    return True


def trial_of(seed: int, *, faults: list[str], on_s3: bool, folder: Path, server: Seaweed | None) -> Trial:
    """Everything that is left to chance comes from the seed."""
    random = Random(seed)
    fault = random.choice(faults)
    here = folder / str(seed)
    here.mkdir(parents=True)
    is_on_s3 = fault in ON_S3_ONLY or (on_s3 and random.random() < 0.5)
    assert not is_on_s3 or server is not None
    return Trial(
        seed=seed,
        fault=fault,
        num_records=0 if fault == "full spool" else random.randrange(MOST_RECORDS),
        pause_s=random.uniform(0.0, LONGEST_PAUSE_S),
        folder=here,
        store=new_store(server) if is_on_s3 and server is not None else str(here / "store"),
        server=server,
        random=random,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 10**9, help="of the first run; the next ones count up"
    )
    parser.add_argument(
        "--faults", nargs="+", choices=sorted(FAULTS), default=None, help="default: all that are possible here"
    )
    parser.add_argument("--no-s3", action="store_true", help="only local folders")
    options = parser.parse_args()
    faults = options.faults or [
        name
        for name in FAULTS
        if not (options.no_s3 and name in ON_S3_ONLY) and not (name == "full spool" and os.geteuid() != 0)
    ]
    folder = Path(tempfile.mkdtemp(prefix="flywheel-soak-"))
    server = None if options.no_s3 else Seaweed()
    print(f"{options.runs} runs from seed {options.seed} in {folder}: {', '.join(faults)}", flush=True)
    failed = 0
    try:
        if server is not None:
            server.start()
            os.environ.update(server.environment)
        for seed in range(options.seed, options.seed + options.runs):
            trial = trial_of(seed, faults=faults, on_s3=server is not None, folder=folder, server=server)
            if run_trial(trial):
                shutil.rmtree(trial.folder)
            else:
                failed += 1
    finally:
        if server is not None:
            server.close()
    print(f"{options.runs - failed} of {options.runs} runs ended as if nothing had happened", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
