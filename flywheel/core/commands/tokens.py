"""Commands on tokens. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Sequence

from flywheel.core.access import Scope, Token
from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError, UnknownError


def create(
    control: Control, name: str, *, by: str, scopes: Sequence[Scope], digest: str, expires_at: str | None
) -> Draft:
    if name in control.tokens:
        raise ConflictError(f"token {name} is there already, or was: names are used once")
    return Draft(
        action=Action.TOKEN_CREATED,
        subject=f"tokens/{name}",
        by=by,
        details={"scopes": sorted(scopes), "digest": digest, "expires_at": expires_at},
    )


def revoke(control: Control, name: str, *, by: str) -> Draft:
    if token(control, name).revoked_at is not None:
        raise ConflictError(f"token {name} is revoked already")
    return Draft(action=Action.TOKEN_REVOKED, subject=f"tokens/{name}", by=by)


def token(control: Control, name: str) -> Token:
    """UnknownError: there is none with this name."""
    if name not in control.tokens:
        raise UnknownError(f"there is no token {name}")
    return control.tokens[name]
