"""Other releases of flywheel: copies of the package under another version, run by processes of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flywheel

WHEEL = Path(__file__).parent / "wheel_process.py"
METADATA = "Metadata-Version: 2.1\nName: flywheel\nVersion: {version}\n"
LOOP = r"LOOP_VERSION: Final = \d+"


def make_release(folder: Path, version: str, *, loop: int | None = None) -> Path:
    """What PYTHONPATH names, to run it. `loop`: its loop version; None: this one's."""
    there = folder / version
    # With what was compiled, by the times of the files.
    shutil.copytree(Path(flywheel.__file__).parent, there / "flywheel")
    described = there / f"flywheel-{version}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(METADATA.format(version=version))
    if loop is not None:
        code = there / "flywheel" / "core" / "code_version.py"
        text, count = re.subn(LOOP, f"LOOP_VERSION: Final = {loop}", code.read_text())
        assert count == 1, "there is one loop version"
        code.write_text(text)
    return there


@dataclass
class Wheel:
    """A process that serves, and what it said."""

    process: "subprocess.Popen[str]"
    said: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, **what: Any) -> dict[str, Any]:
        """The next line with these values; the test's time-out bounds the wait. AssertionError: it ended before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.startswith("{"):
                continue
            self.said.append(json.loads(line))
            if what.items() <= self.said[-1].items():
                return self.said[-1]
        raise AssertionError(f"it ended, and never said {what}; it said {self.said}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def leave(self) -> None:
        """In order."""
        self.process.send_signal(signal.SIGTERM)
        self.hear(left=True)
        assert self.process.wait() == 0


@contextmanager
def wheel(release: Path, settings: Mapping[str, Any], store: Path, *, hold: str = "") -> Iterator[Wheel]:
    """One that is ready, and does not outlive the block."""
    search = f"{release}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    process = subprocess.Popen(
        [sys.executable, str(WHEEL), json.dumps(settings), str(store), hold],
        env={**os.environ, "PYTHONPATH": search},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    started = Wheel(process)
    with process:
        try:
            started.hear(ready=release.name)
            yield started
        finally:
            process.kill()
