"""Up and down: a service on this machine, which outlives the command that started it or is that command."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import httpx2

from flywheel import services, wiring
from flywheel.cluster.session import NODE_ADDRESS
from flywheel.config import Config
from flywheel.core.errors import ConfigError, FlywheelError
from flywheel.hosting import host, keeper
from flywheel.hosting.keys import BOOTSTRAP, given, keep_token, require_token, token_in
from flywheel.logs import output
from flywheel.logs.lines import readable
from flywheel.services import Service, is_alive
from flywheel.store.chronicle import utc_now
from flywheel.workshop import Workshop

READY_TIMEOUT_S = 180.0
DOWN_TIMEOUT_S = 180.0
POLL_S = 0.2
TAIL_LINES = 20


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a service keeps on this machine beside its store. None of it is needed to start it again elsewhere."""

    name: str

    @property
    def asked(self) -> Path:
        """What the host is started with."""
        return services.folder() / f"{self.name}.host"

    @property
    def token(self) -> Path:
        return services.folder() / f"{self.name}.token"

    @property
    def targets(self) -> Path:
        """The host writes it."""
        return host.targets_file(self.asked)

    @property
    def log(self) -> Path:
        return services.folder() / f"{self.name}.log"


def up(config: Config, store: str) -> Service:
    """Starts everything and returns when it answers. ConfigError: it is up already, or something is in the way.

    FlywheelError: it does not start; the text has the end of its log.
    """
    config, store = _prepare(config, store)
    files = Files(name=config.name)
    with open(files.log, "ab") as log:
        begins = files.log.stat().st_size
        process = subprocess.Popen(
            [sys.executable, "-m", keeper.__name__, str(files.asked)],
            env={**os.environ, output.VARIABLE: str(files.log)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    service = _written(config, store, process.pid)
    try:
        _await_ready(service.url, process, files.log, begins)
    except BaseException:
        _end(process.pid)
        services.remove(config.name)
        raise
    return service


def stay(
    config: Config,
    store: str,
    *,
    announce: Callable[[Service], None],
    hosting: Callable[[str], list[str]] = keeper.hosting,
) -> int:
    """Is the service until SIGTERM or SIGINT comes, as a container wants it: its processes log to its standard error.

    `announce` is told of it before it answers. The exit code is 0 if it was told to end, 1 if hosts died too often, and
    what a shell would say of the last host otherwise. ConfigError as of `up`.
    """
    over = Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: over.set())
    config, store = _prepare(config, store)
    files = Files(name=config.name)
    os.environ.setdefault(output.VARIABLE, _log_for_all(files))
    output.start("keeper")
    announce(_written(config, store, os.getpid()))
    try:
        code = keeper.keep(hosting(str(files.asked)), over=over)
    finally:
        services.remove(config.name)
    told_before_it_listened = over.is_set() and code == -signal.SIGTERM
    if told_before_it_listened:
        return 0
    return code if code >= 0 else 128 - code


def _log_for_all(files: Files) -> str:
    """This process's standard error under a name that others can open; a socket has none, so then a file."""
    path = f"/proc/{os.getpid()}/fd/{output.STDERR}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    except OSError:
        return str(files.log)
    return path


def down(name: str) -> Service:
    """Ends the service and waits until it has ended. ConfigError: it is not up."""
    service = services.read(name)
    if service is None or not service.is_up:
        services.remove(name)
        up_now = ", ".join(some.name for some in services.all() if some.is_up)
        raise ConfigError(f"no service {name} is up on this machine; up: {up_now or 'none'}")
    _end(service.pid)
    deadline = monotonic() + DOWN_TIMEOUT_S
    while is_alive(service.pid):
        if monotonic() > deadline:
            raise FlywheelError(f"{name}: process {service.pid} did not end within {DOWN_TIMEOUT_S:.0f} s")
        sleep(POLL_S)
    services.remove(name)
    return service


def _prepare(config: Config, store: str) -> tuple[Config, str]:
    """Both as the host gets them, in its file. ConfigError: it is up already, or something is in the way."""
    known = services.read(config.name)
    # In a container that starts again, this process may have the number of its predecessor.
    if known is not None and known.is_up and known.pid != os.getpid():
        raise ConfigError(
            f"{config.name} is up at {known.url}, process {known.pid}: `flywheel down {config.name}` ends it"
        )
    config = _with_port(config)
    store = store if "://" in store else str(Path(store).resolve())
    wiring.check(config, store)
    files = Files(name=config.name)
    chronicle = Workshop(config=config, store=store).chronicle()
    if bootstrap := given(BOOTSTRAP):
        require_token(chronicle=chronicle, given=bootstrap, now=utc_now())
        keep_token(files.token, bootstrap)
    else:
        token_in(files.token, chronicle=chronicle, now=utc_now())
    files.asked.write_text(json.dumps({"config": config.model_dump(mode="json"), "store": store}), encoding="utf-8")
    return config, store


def _written(config: Config, store: str, pid: int) -> Service:
    """For the commands that ask the service something."""
    files = Files(name=config.name)
    service = Service(
        name=config.name,
        store=store,
        url=f"http://{config.control.host}:{config.control.port}",
        token_file=str(files.token),
        pid=pid,
        started_at=utc_now(),
        targets_file=str(files.targets),
    )
    services.write(service)
    return service


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _await_ready(url: str, process: "subprocess.Popen[bytes]", log: Path, begins: int) -> None:
    deadline = monotonic() + READY_TIMEOUT_S
    while monotonic() < deadline:
        if process.poll() is not None:
            raise FlywheelError(f"the service ended with exit code {process.returncode}:\n{_tail(log, begins)}")
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/readyz", timeout=POLL_S * 10).status_code == 200:
                return
        sleep(POLL_S)
    raise FlywheelError(f"the service does not answer within {READY_TIMEOUT_S:.0f} s:\n{_tail(log, begins)}")


def _tail(log: Path, begins: int) -> str:
    with open(log, "rb") as file:
        file.seek(begins)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(map(readable, lines[-TAIL_LINES:])) + f"\n(all of it: {log})"


def _with_port(config: Config) -> Config:
    """ConfigError: somebody else listens there."""
    control = config.control
    if control.ray_metrics_port:
        _free_port("ray_metrics_port", NODE_ADDRESS, control.ray_metrics_port)
    port = _free_port("port", control.host, control.port)
    return config.model_copy(update={"control": control.model_copy(update={"port": port})})


def _free_port(setting: str, host: str, wanted: int) -> int:
    """The wanted one; of 0 any."""
    with socket.socket() as some:
        some.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            some.bind((host, wanted))
        except OSError as failure:
            raise ConfigError(
                f"control.{setting}: {host}:{wanted} cannot be used: {failure.strerror}. Another one, or 0 for any "
                "free one"
            ) from failure
        port: int = some.getsockname()[1]
        return port
