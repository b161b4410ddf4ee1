"""Runs a small campaign on a real service again and again, disturbs it at a random moment, and checks the end.

    python tests/campaign_soak.py --runs 20 --seed 7

Something is killed, or another release takes its place: `upgrade` ends the service in order and then starts the other
one, `rolling` has both up and kills the one that turns.

Every run prints its seed: `--runs 1 --seed N` does the same again, as far as chance allows.
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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from faults import REAPER, descendants, write_config
from releases import make_release
from small import NAME, small_settings

from flywheel import services
from flywheel.client import Flywheel
from flywheel.config import parse
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.control import Control, IterationState
from flywheel.core.entry import Action
from flywheel.core.errors import ServiceError
from flywheel.core.iteration import Stage, record_key
from flywheel.workshop import Workshop

ITERATIONS = 2
MOST_ENTRIES = 20
"""Of the campaign, before it is over."""
LONGEST_PAUSE_S = 4.0
DEADLINE_S = 400.0
POLL_S = 0.1
FLYWHEEL = [sys.executable, "-m", "flywheel.cli"]
NEWER = "99.0.0"
"""Another release, of the same code."""
UPGRADES = ("upgrade", "rolling")
TITLES = {"api": "ray::ServeReplica:control", "supervisor": "ray::ServiceSupervisor"}
SETTINGS = small_settings(
    control={"port": 0},
    train={"num_updates": [200, 200], "batch_size": 32, "checkpoint_every": 50, "warmup_updates": 5},
    collect={"episodes_per_task": 4, "num_environments": 4},
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One campaign and what is done to it."""

    seed: int
    fault: str
    num_entries: int
    """It strikes once the campaign has made so many entries ..."""
    pause_s: float
    """... and so much time has passed since."""
    folder: Path
    release: Path
    """The other one, for PYTHONPATH."""

    @property
    def store(self) -> str:
        return str(self.folder / "store")

    @property
    def workshop(self) -> Workshop:
        return Workshop(config=parse(SETTINGS, origin="soak"), store=self.store)


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:g} s"
        time.sleep(POLL_S)


@contextmanager
def service(trial: Trial, place: str = "state", **environ: str) -> Iterator[services.Service]:
    """`flywheel up`, and `flywheel down` in any case. `place`: of its state, so that there may be two."""
    start_service(trial, place, **environ)
    try:
        yield known_service(trial, place)
    finally:
        if known_service(trial, place).is_up:
            subprocess.run([*FLYWHEEL, "down", NAME], check=True, stdout=sys.stderr)


def start_service(trial: Trial, place: str = "state", **environ: str) -> None:
    os.environ["XDG_STATE_HOME"] = str(trial.folder / place)
    command = [*FLYWHEEL, "up", "given.yaml", "--store", trial.store]
    subprocess.run(command, cwd=trial.folder, check=True, stdout=sys.stderr, env={**os.environ, **environ})


def known_service(trial: Trial, place: str = "state") -> services.Service:
    """The one that is up there; commands mean it from then on."""
    os.environ["XDG_STATE_HOME"] = str(trial.folder / place)
    up = services.read(NAME)
    assert up is not None
    return up


def upgrade(trial: Trial, up: services.Service) -> services.Service:
    """In order and at once, as a service manager would, to the other release."""
    os.kill(up.pid, signal.SIGTERM)
    wait_for(lambda: not services.is_alive(up.pid), "its end")
    start_service(trial, PYTHONPATH=str(trial.release))
    return known_service(trial)


def kill_who_turns(trial: Trial, ups: Sequence[services.Service]) -> services.Service:
    """One of two, with all its processes, and returns the other."""
    chronicle, owners = trial.workshop.chronicle(), list[str]()

    def somebody_turns() -> bool:
        current = chronicle.control().current
        owners[:] = [] if current is None or current.owner is None else [current.owner]
        return bool(owners) or chronicle.control().campaigns[1].state.is_terminal

    wait_for(somebody_turns, "an iteration that runs")
    turning = {int(owner.split()[1]) for owner in owners}
    killed, other = ups if turning & descendants(ups[0].pid).keys() else reversed(ups)
    for child, title in {killed.pid: "keeper", **descendants(killed.pid)}.items():
        if REAPER not in title:
            end_process(child)
    return other


def strike(fault: str, up: services.Service) -> str:
    """Kills as soon as there is something to kill."""
    if fault == "head":
        wait_for(lambda: any("/raylet/raylet " in title for title in descendants(up.pid).values()), "a raylet")
        for child, title in descendants(up.pid).items():
            if REAPER not in title:
                end_process(child)
        return "all processes of Ray and their host"
    found: list[int] = []

    def there_is_one() -> bool:
        found[:] = [child for child, title in descendants(up.pid).items() if title.startswith(TITLES[fault])]
        return bool(found)

    wait_for(there_is_one, f"a process {TITLES[fault]}")
    end_process(found[0])
    return f"process {found[0]}"


def end_process(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def run_campaign(trial: Trial) -> str:
    """Returns what was struck."""
    with ExitStack() as stack:
        ups = [stack.enter_context(service(trial))]
        if trial.fault == "rolling":
            ups.append(stack.enter_context(service(trial, "beside", PYTHONPATH=str(trial.release))))
        chronicle = trial.workshop.chronicle()
        before = len(chronicle.control().entries)
        number = client_of(ups[0]).campaigns.create(Goal(max_iterations=ITERATIONS)).number
        up, struck = ups[0], "nothing"
        if trial.fault != "nothing":
            wait_for(lambda: len(chronicle.control().entries) >= before + 1 + trial.num_entries, "the moment to strike")
            time.sleep(trial.pause_s)
        if trial.fault == "upgrade":
            up, struck = upgrade(trial, up), "told to end, and up as another release"
        elif trial.fault == "rolling":
            up, struck = kill_who_turns(trial, ups), "who turned, of two services"
        elif trial.fault != "nothing":
            struck = strike(trial.fault, up)
        wait_for(lambda: chronicle.control().campaigns[number].state.is_terminal, "the campaign's end")

        def answers() -> bool:
            try:
                return client_of(up).campaigns.get(number).state is CampaignState.ENDED
            except ServiceError:
                return False

        wait_for(answers, "an answer of the API")
    return struck


def client_of(up: services.Service) -> Flywheel:
    return Flywheel(url=up.url, token=Path(up.token_file).read_text().strip())


def check(trial: Trial, digests: dict[str, str] | None) -> dict[str, str]:
    """Policy version -> digest of its weights. AssertionError: the campaign did not end as it should."""
    workshop = trial.workshop
    control = workshop.chronicle().control()
    assert control.campaigns[1].reason == f"{ITERATIONS} iterations, as many as it may take", control.campaigns[1]
    assert sorted(control.iterations) == list(range(1 + ITERATIONS))
    over = {IterationState.SUCCEEDED, IterationState.REJECTED}
    assert {some.state for some in control.iterations.values()} <= over, control.iterations
    assert not repeated(control), repeated(control)
    trained = {
        record["policy_id"]: record["digest"]
        for number in control.iterations
        if (record := workshop.records.read(record_key(number, Stage.TRAIN))) is not None
    }
    if trial.fault in UPGRADES:
        started = [some for some in control.entries if some.action is Action.ITERATION_STARTED]
        assert {some.details["flywheel"] for some in started} <= {CODE_VERSION, NEWER}, started
    assert digests is None or trained == digests, f"{trained} is not {digests}"
    verified = subprocess.run(
        [*FLYWHEEL, "data", "verify", "--store", trial.store], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return trained


def repeated(control: Control) -> list[tuple[str, str, str]]:
    """Entries that are there more than once, but for starts by another process."""
    counts = Counter(
        (entry.subject, str(entry.action), str(entry.details.get("stage") or entry.details.get("owner") or ""))
        for entry in control.entries
        if entry.action not in (Action.TOKEN_CREATED, Action.TOKEN_REVOKED)
    )
    return [what for what, count in counts.items() if count > 1]


def run_trial(trial: Trial, digests: dict[str, str] | None) -> dict[str, str] | None:
    """Prints one line; None: it went wrong, and the log says more."""
    began = time.monotonic()
    write_config(trial.folder, SETTINGS)
    try:
        struck = run_campaign(trial)
        found = check(trial, digests)
    except Exception:  # noqa: BLE001 - the other trials go on
        log = trial.folder / "state" / "flywheel" / "services" / f"{NAME}.log"
        print(f"FAILED {trial}\n{traceback.format_exc()}\n{log.read_text() if log.exists() else ''}", flush=True)
        return None
    entries = trial.workshop.chronicle().control().entries
    starts = [some.details["flywheel"] for some in entries if some.action is Action.ITERATION_STARTED]
    print(
        f"seed {trial.seed:<12} {trial.fault:<11} after {trial.num_entries:>2} entries and {trial.pause_s:3.1f} s: "
        f"{struck}; iterations were begun by {' '.join(starts)}, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return found


def prepared(folder: Path) -> Path:
    """A store after iteration 0."""
    write_config(folder, SETTINGS)
    store = folder / "prepared"
    subprocess.run(
        [*FLYWHEEL, "run", "given.yaml", "--iterations", "0", "--store", str(store)],
        cwd=folder,
        check=True,
        stdout=sys.stderr,
    )
    return store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9, help="of the first run; then counting up")
    faults = [*TITLES, "head", *UPGRADES]
    parser.add_argument("--faults", nargs="+", choices=faults, default=faults)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flywheel-campaigns-"))
    print(f"{options.runs} campaigns from seed {options.seed} in {folder}: {', '.join(options.faults)}", flush=True)
    store, failed, digests, release = prepared(folder), 0, None, make_release(folder, NEWER)
    for seed in (None, *range(options.seed, options.seed + options.runs)):
        random = Random(seed)
        trial = Trial(
            seed=seed or 0,
            fault="nothing" if seed is None else random.choice(options.faults),
            num_entries=random.randrange(MOST_ENTRIES),
            pause_s=random.uniform(0.0, LONGEST_PAUSE_S),
            folder=folder / str(seed),
            release=release,
        )
        shutil.copytree(store, trial.store)
        found = run_trial(trial, digests)
        if found is None:
            failed += 1
            continue
        digests = found if digests is None else digests
        shutil.rmtree(trial.folder)
    print(f"{options.runs + 1 - failed} of {options.runs + 1} campaigns ended as if nothing had happened", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
