"""Services: which are up on this machine, where they answer, and where their tokens are. A file for each."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import NamedTemporaryFile

from flywheel.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Service:
    """What `flywheel up` leaves for the commands that ask it something."""

    name: str
    store: str
    url: str
    """Of the API without its version: `http://127.0.0.1:8000`."""
    token_file: str
    """Holds a token and nothing else."""
    pid: int
    started_at: str
    """RFC 3339."""
    ray_metrics_url: str
    """Of Ray's own metrics; ours are at `/metrics` of the API and `/policy/metrics`."""

    @property
    def is_up(self) -> bool:
        """Whether its process lives on this machine."""
        return is_alive(self.pid)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has not ended, whoever has yet to be told."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):  # Somebody else's; or this system has no /proc.
        return True


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the files are: under XDG_STATE_HOME, which is ~/.local/state unless it is set."""
    state = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "flywheel" / "services"


def write(service: Service) -> Path:
    """Readable by this user alone. Replaces what was there under its name."""
    path = _path(service.name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile("w", dir=path.parent, suffix=".new", delete=False, encoding="utf-8") as written:
        json.dump(asdict(service), written, indent=2)
    os.replace(written.name, path)
    return path


def read(name: str) -> Service | None:
    """None: there is no file of this name. ConfigError: it cannot be read."""
    path = _path(name)
    try:
        return _service(path)
    except FileNotFoundError:
        return None


def all() -> list[Service]:
    """By name, whether they are up or not. ConfigError: a file cannot be read."""
    found: list[Service] = []
    for path in sorted(folder().glob("*.json")):
        try:
            found.append(_service(path))
        except FileNotFoundError:  # removed since it was listed
            continue
    return found


def remove(name: str) -> None:
    """Where there is none, nothing happens."""
    _path(name).unlink(missing_ok=True)


def _path(name: str) -> Path:
    if not name or name.startswith(".") or Path(name).name != name:
        raise ConfigError(f"{name!r} cannot be the name of a service: it names a file")
    return folder() / f"{name}.json"


def _service(path: Path) -> Service:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Service(**{field.name: raw[field.name] for field in fields(Service)})
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise ConfigError(f"{path}: not the file of a service ({failure!r}): remove it") from failure
