"""The image without an engine: installed as its Dockerfile says, and run as a container would run it, as root on Linux.

    python tests/rehearsal.py install FOLDER
    python tests/rehearsal.py run FOLDER ARGUMENT...

`install` runs the Dockerfile's steps for a new Python environment in FOLDER, with only the files that reach a build.
`run` is `flywheel ARGUMENT...` with the image's user and variables, no privileges, a network of its own without a way
out, a read-only root, and process number 1; only /tmp, from which nothing may be executed, and FOLDER/data are
writable. SIGTERM reaches the process, as `docker stop` does it. FOLDER must not be below /tmp.
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from containers import DOCKERFILE, ROOT, copied, environment, instructions, stages

BASE, BUILD, IMAGE = stages(instructions(DOCKERFILE.read_text(encoding="utf-8")))
USER = next(some.value.split(":")[0] for some in IMAGE if some.keyword == "USER")
PYTHON = shutil.which("python3.11", path="/usr/local/bin:/usr/bin")
"""Not that of a person, whose folder the image's user could not read."""
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def install(folder: Path, torch_index: str) -> None:
    source = folder / "src"
    for path in copied(BUILD):
        target = source / (path if (ROOT / path).is_dir() else Path(path).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / path, target)
    assert PYTHON is not None, "needs a Python 3.11 that all users can read"
    subprocess.run([PYTHON, "-m", "venv", str(folder / "python")], check=True)
    path = f"{folder / 'python' / 'bin'}:{os.environ['PATH']}"
    began = time.monotonic()
    for step in (["dependencies", torch_index], ["flywheel"]):
        subprocess.run(["./install.sh", *step], cwd=source, check=True, env={**os.environ, "PATH": path})
    unpinned = installed(folder) - set((ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines())
    assert not unpinned, f"not as constraints.txt says: {', '.join(sorted(unpinned))}"
    size = sum(file.stat().st_size for file in (folder / "python").rglob("*") if file.is_file())
    print(f"installed in {time.monotonic() - began:.0f} s: {size / 1e9:.2f} GB")


def installed(folder: Path) -> set[str]:
    """`name==version` of everything but pip and flywheel itself, as constraints.txt spells it in lower case."""
    command = [str(folder / "python" / "bin" / "python"), "-m", "pip", "freeze", "--all", "--exclude=pip"]
    said = subprocess.run([*command, "--exclude=flywheel"], check=True, capture_output=True, text=True).stdout
    return {line.partition("+")[0].lower() for line in said.splitlines()}


def run(folder: Path, arguments: list[str]) -> int:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    os.chown(data, int(USER), int(USER))
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    unshare = subprocess.Popen([*namespaces, sys.executable, __file__, "inside", str(folder), *arguments])

    def stop(*_: object) -> None:
        for child in Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    return unshare.wait()


def inside(folder: Path, arguments: list[str]) -> None:
    """In namespaces of its own, as root; does not return."""
    data = str(folder / "data")
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=1777,noexec,nosuid,nodev", "tmpfs", "/tmp")
    mount("--bind", data, data)
    for line in Path("/proc/mounts").read_text().splitlines():
        point = line.split()[1]
        if point not in ("/tmp", data) and not point.startswith(("/proc", "/dev", "/sys")):
            mount("-o", "remount,bind,ro", point)
    with socket.socket() as some:
        fcntl.ioctl(some, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    for stream in (sys.stdout, sys.stderr):  # As runc does it: a container's user may open its own again.
        os.fchown(stream.fileno(), int(USER), int(USER))
    os.chdir(data)
    unprivileged = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
    variables = {name: value.replace("/data", data) for name, value in environment(IMAGE).items()}
    variables["PATH"] = f"{folder / 'python' / 'bin'}:/usr/bin:/bin"
    command = [*unprivileged, "--inh-caps=-all", "--bounding-set=-all", "flywheel", *arguments]
    os.execvpe(command[0], command, variables)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    _, verb, folder, *rest = sys.argv
    if verb == "install":
        install(Path(folder).resolve(), os.environ.get("TORCH_INDEX", ""))
    elif verb == "inside":
        inside(Path(folder), rest)
    else:
        sys.exit(run(Path(folder).resolve(), rest))
