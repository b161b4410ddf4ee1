"""Address: where a service answers and with which token, from what a user or the machine says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flywheel import services
from flywheel.core.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Address:
    """One service, and who one is there."""

    url: str
    """Without the API's version."""
    token: str = field(repr=False)

    @property
    def is_local(self) -> bool:
        """On this machine: no proxy is asked."""
        return urlsplit(self.url).hostname in LOOPBACK


def find_address(
    *,
    url: str | None = None,
    token: str | None = None,
    token_file: Path | str | None = None,
    service: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Address:
    """Arguments, then FLYWHEEL_URL, FLYWHEEL_TOKEN and FLYWHEEL_TOKEN_FILE, then the services of this machine.

    The token in a service's file is given to that service only. ConfigError: something is missing, and what helps.
    """
    if url is not None and service is not None:
        raise ConfigError("an address or the name of a service of this machine, not both")
    if token is not None and token_file is not None:
        raise ConfigError("a token or a file that holds it, not both")
    if url is None and service is None:
        url = environ.get("FLYWHEEL_URL") or None
    local = _named(service) if service is not None else _at(url) if url is not None else _only_one()
    if url is None:
        assert local is not None, "without an address there is a service, or an error"
        url = local.url
    secret = (
        token
        or (token_file and _read(token_file))
        or (service is not None and local is not None and _read(local.token_file))
        or environ.get("FLYWHEEL_TOKEN")
        or (environ.get("FLYWHEEL_TOKEN_FILE") and _read(environ["FLYWHEEL_TOKEN_FILE"]))
        or (local is not None and _read(local.token_file))
    )
    if not secret:
        raise ConfigError(f"no token for {url}: set FLYWHEEL_TOKEN, or FLYWHEEL_TOKEN_FILE to the file that holds it")
    return Address(url=_checked(url), token=_clean(secret))


def _named(name: str) -> services.Service:
    found = services.read(name)
    if found is None:
        known = ", ".join(one.name for one in services.all()) or "none"
        raise ConfigError(f"there is no service {name} on this machine; there are: {known}")
    return found


def _at(url: str) -> services.Service | None:
    return next((one for one in services.all() if one.url.rstrip("/") == url.rstrip("/")), None)


def _only_one() -> services.Service:
    known = services.all()
    up = [one for one in known if one.is_up]
    if len(up) > 1:
        names = ", ".join(f"{one.name} ({one.url})" for one in up)
        raise ConfigError(f"several services are up: choose one by its name with --service: {names}")
    if not up:
        gone = "".join(f"; {one.name} was, until its process {one.pid} ended" for one in known)
        raise ConfigError(
            f"no service is up on this machine{gone}: `flywheel up` starts one, FLYWHEEL_URL says where another is"
        )
    return up[0]


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url}: not an address; one looks like http://127.0.0.1:8000")
    return url.rstrip("/").removesuffix("/v1")


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{path}: the token cannot be read: {failure}") from failure


def _clean(secret: str) -> str:
    """A header holds it: one line of ASCII. It is never shown, not even when it is wrong."""
    token = secret.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("the token is not one: it must be one word of ASCII characters")
    return token
