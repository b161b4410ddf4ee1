"""Signing: how a receiver knows that a delivery is ours. Secrets are derived, so none is in the store."""

import hmac
import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from flywheel.core.errors import ConfigError

KEY_VARIABLE: Final = "FLYWHEEL_SIGNING_KEY"
KEY_FILE: Final = "signing-key"
KEY_BYTES: Final = 32
PREFIX: Final = "fwh_"
"""Of every signing secret, so that scanners for leaked secrets find them."""


def service_key(*, given: str | None, folder: Path) -> bytes:
    """What all signing secrets derive from: the text that was given, else what the folder keeps, made on first use.

    `given`: the value of FLYWHEEL_SIGNING_KEY. Processes on several machines need the same one. ConfigError: it is too
    short to be a secret, or the folder cannot be used.
    """
    if given is not None:
        return _checked(given, origin=KEY_VARIABLE)
    path = folder / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        return _checked(path.read_text(encoding="ascii"), origin=str(path))
    except OSError as failure:
        raise ConfigError(f"{path}: {failure.strerror}; or set {KEY_VARIABLE}") from failure
    except UnicodeDecodeError as failure:
        raise ConfigError(f"{path}: not a key that flywheel made") from failure


def signing_secret(key: bytes, name: str) -> str:
    """Of the webhook with that name. Shown to who creates the webhook; the same name has the same secret again."""
    return PREFIX + hmac.new(key, f"webhook:{name}".encode(), sha256).hexdigest()


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header `Flywheel-Signature` of a body that is sent at a Unix time."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={signed}"


def _checked(text: str, *, origin: str) -> bytes:
    key = text.strip().encode()
    if len(key) < KEY_BYTES:
        raise ConfigError(f"{origin}: a key of at least {KEY_BYTES} characters is needed, of random text")
    return key


def _make(path: Path) -> None:
    """Whole or not at all, readable by its owner alone; of two processes at once, both go on with the first's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{KEY_FILE}-", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
