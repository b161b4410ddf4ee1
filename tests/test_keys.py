"""The first token of a service."""

import stat

import pytest
from chronicles import chronicle, doing

from flywheel.core.access import Scope, digest_of, new_secret, principal_of
from flywheel.core.commands import tokens
from flywheel.core.errors import ConfigError
from flywheel.hosting.keys import BOOTSTRAP, given, require_token, token_in

NOW = "2026-01-05T09:30:00.000Z"


def test_a_token_is_made_once_and_kept_where_only_its_user_reads_it(tmp_path):
    told, path = chronicle(), tmp_path / "state" / "a.token"
    secret = token_in(path, chronicle=told, now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == secret + "\n"
    assert token_in(path, chronicle=told, now=NOW) == secret
    assert len(told.control().entries) == 1
    found = principal_of(secret, told.control().tokens.values(), now=NOW)
    assert found is not None
    assert found.may(Scope.ADMIN)
    assert secret not in str(told.control().entries)


def test_a_token_that_was_revoked_is_replaced(tmp_path):
    told, path = chronicle(), tmp_path / "a.token"
    first = token_in(path, chronicle=told, now=NOW)
    (name,) = told.control().tokens
    told.append(doing(tokens.revoke, name, by="token:a"))
    assert token_in(path, chronicle=told, now=NOW) != first
    assert len(told.control().tokens) == 2


def test_a_token_of_another_store_is_not_taken(tmp_path):
    path = tmp_path / "a.token"
    first = token_in(path, chronicle=chronicle(), now=NOW)
    assert token_in(path, chronicle=chronicle(), now=NOW) != first


def test_without_a_token_nothing_starts():
    told = chronicle()
    with pytest.raises(ConfigError, match=BOOTSTRAP):
        require_token(chronicle=told, given=None, now=NOW)
    reader = doing(tokens.create, "r", by="a", scopes=[Scope.READ], digest=digest_of("s"), expires_at=None)
    told.append(reader)
    with pytest.raises(ConfigError, match=BOOTSTRAP):
        require_token(chronicle=told, given=None, now=NOW)


def test_what_nobody_would_know_for_a_token_is_refused():
    told = chronicle()
    with pytest.raises(ConfigError, match=f"{BOOTSTRAP}: a token begins with fw_"):
        require_token(chronicle=told, given="a-password", now=NOW)
    assert not told.control().entries


def test_a_token_that_is_given_is_admitted_once():
    told, secret = chronicle(), new_secret()
    for _ in range(2):
        require_token(chronicle=told, given=secret, now=NOW)
    require_token(chronicle=told, given=None, now=NOW)
    assert len(told.control().entries) == 1
    assert principal_of(secret, told.control().tokens.values(), now=NOW) is not None


def test_a_secret_is_a_variable_or_what_a_file_holds(tmp_path):
    path = tmp_path / "secret"
    path.write_text("of a file\n")
    assert given("KEY", {}) is None
    assert given("KEY", {"KEY": "plain"}) == "plain"
    assert given("KEY", {"KEY_FILE": str(path)}) == "of a file"


def test_two_secrets_or_a_file_that_is_not_there_are_refused_by_their_names(tmp_path):
    with pytest.raises(ConfigError, match="KEY and KEY_FILE are both set"):
        given("KEY", {"KEY": "plain", "KEY_FILE": "there"})
    with pytest.raises(ConfigError, match="KEY_FILE: .*/missing: "):
        given("KEY", {"KEY_FILE": str(tmp_path / "missing")})
