"""Keys: secrets that an installation gives, and the first token of a service, without which it does not start."""

import os
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flywheel.core.access import PREFIX, Scope, digest_of, new_secret, principal_of
from flywheel.core.commands import tokens
from flywheel.core.control import Control
from flywheel.core.entry import Draft
from flywheel.core.errors import ConfigError
from flywheel.ports import Chronicle

BOOTSTRAP = "FLYWHEEL_BOOTSTRAP_TOKEN"
"""The variable of an installation's first token, which may do everything."""


def given(variable: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The variable's value, or what the file that `<variable>_FILE` names holds: there no process list shows it.

    ConfigError: both are set, or the file cannot be read.
    """
    value, path = environ.get(variable), environ.get(f"{variable}_FILE")
    if not path:
        return value
    if value:
        raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one of them")
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{variable}_FILE: {path}: {failure}") from failure


def token_in(path: Path, *, chronicle: Chronicle, now: str) -> str:
    """The administrator's token that the file holds; a new one is made where it holds none that is valid.

    ConfigError: the file cannot be read or written.
    """
    try:
        known = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if known and _may_all(chronicle.control(), known, now=now):
            return known
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{path}: {failure}") from failure
    secret = new_secret()
    keep_token(path, secret)
    _admit(chronicle, secret, name=f"local-{secrets.token_hex(4)}")
    return secret


def keep_token(path: Path, secret: str) -> None:
    """Where this machine's commands find it, readable by this user alone. ConfigError: it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secret + "\n")
    except OSError as failure:
        raise ConfigError(f"{path}: {failure}") from failure


def require_token(*, chronicle: Chronicle, given: str | None, now: str) -> None:
    """Admits the token that was given, if any.

    ConfigError: it is none, or there is none and nobody else could ask anything.
    """
    control = chronicle.control()
    if given:
        if not given.startswith(PREFIX):
            raise ConfigError(f"{BOOTSTRAP}: a token begins with {PREFIX}, so that one that leaked is recognised")
        if not _may_all(control, given, now=now):
            _admit(chronicle, given, name=f"bootstrap-{digest_of(given)[:8]}")
    elif not any(Scope.ADMIN in token.scopes and token.is_valid(now) for token in control.tokens.values()):
        raise ConfigError(f"no token may administer this flywheel: set {BOOTSTRAP} to {PREFIX} and random text")


def _may_all(control: Control, secret: str, *, now: str) -> bool:
    found = principal_of(secret, control.tokens.values(), now=now)
    return found is not None and found.may(Scope.ADMIN)


def _admit(chronicle: Chronicle, secret: str, *, name: str) -> None:
    def decide(control: Control) -> Draft | None:
        if name in control.tokens:  # Another process of this installation was faster.
            return None
        make = partial(tokens.create, by="command line", scopes=[Scope.ADMIN], expires_at=None)
        return make(control, name, digest=digest_of(secret))

    chronicle.append(decide)
