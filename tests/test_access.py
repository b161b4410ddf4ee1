import pytest

from flywheel.core.access import PREFIX, Principal, Scope, Token, digest_of, new_secret, principal_of

NOW = "2026-01-05T09:30:00.000Z"


def token(name: str, secret: str, **changes) -> Token:
    values = {"scopes": frozenset({Scope.READ}), "created_by": "command line", "created_at": NOW}
    return Token(name=name, digest=digest_of(secret), **(values | changes))


def test_a_secret_is_known_by_its_digest_alone():
    secret = new_secret()
    assert secret.startswith(PREFIX)
    assert len(secret) > 40
    assert secret != new_secret()
    known = [token("a", new_secret()), token("b", secret)]
    assert principal_of(secret, known, now=NOW) == Principal(name="token:b", scopes=frozenset({Scope.READ}))
    assert principal_of(secret[:-1], known, now=NOW) is None
    assert secret not in repr(known)


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"revoked_at": "2026-01-04T00:00:00.000Z"}, False),
        ({"expires_at": "2026-01-05T09:30:00.000Z"}, False),
        ({"expires_at": "2026-01-05T09:30:00.001Z"}, True),
        ({"expires_at": "2026-01-05T10:30:00.000+02:00"}, False),
    ],
)
def test_a_token_ends(changes, valid):
    assert token("a", "s", **changes).is_valid(NOW) == valid
    assert (principal_of("s", [token("a", "s", **changes)], now=NOW) is not None) == valid


@pytest.mark.parametrize(
    ("own", "may"),
    [
        (Scope.READ, {Scope.READ}),
        (Scope.OPERATE, {Scope.READ, Scope.OPERATE}),
        (Scope.ACT, {Scope.ACT}),
        (Scope.ADMIN, set(Scope)),
    ],
)
def test_what_a_scope_allows(own, may):
    who = Principal(name="token:a", scopes=frozenset({own}))
    assert {scope for scope in Scope if who.may(scope)} == may
