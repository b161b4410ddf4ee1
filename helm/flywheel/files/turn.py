"""What `helm test` runs: one iteration, asked for and waited for through the REST API.

FLYWHEEL_URL, FLYWHEEL_TOKEN: where and as whom. Exit code 1: it did not end as an iteration should.
"""

import argparse
import json
import sys
from pathlib import Path

from flywheel.client import Flywheel
from flywheel.core.control import IterationState
from flywheel.core.errors import FlywheelError

WELL = {IterationState.SUCCEEDED, IterationState.REJECTED}
"""That a gate rejects the candidate of so little work is no fault of the installation."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--overrides", type=Path, required=True, help="JSON: settings of this iteration alone")
    parser.add_argument("--timeout", type=float, required=True, help="seconds")
    parser.add_argument("--plan-only", action="store_true", help="ask what would be done, and do nothing")
    arguments = parser.parse_args()
    overrides = json.loads(arguments.overrides.read_text(encoding="utf-8"))
    try:
        turn(overrides, timeout_s=arguments.timeout, plan_only=arguments.plan_only)
    except FlywheelError as failure:
        sys.exit(str(failure))


def turn(overrides: dict, *, timeout_s: float, plan_only: bool) -> None:
    wheel = Flywheel()
    print(f"{wheel.url} answers {wheel.whoami().name}")
    planned = wheel.iterations.plan(overrides=overrides)
    print(f"iteration {planned.number} can be made")
    if plan_only:
        return
    made = wheel.iterations.create(overrides=overrides, reason="helm test")
    over = wheel.iterations.wait(made.number, timeout_s=timeout_s)
    print(f"iteration {over.number}: {over.state} {over.reason}")
    if over.state not in WELL:
        sys.exit(1)


if __name__ == "__main__":
    main()
