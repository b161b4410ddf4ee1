import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import time

import jwt
import pytest
from desk import open_desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from issuer import AUDIENCE, ec_key, issuing, rsa_key
from small import small_settings

from flywheel.api import issuer_keys
from flywheel.api.identity import first_of
from flywheel.api.oidc import OidcIdentity
from flywheel.api.problems import RequestRefusedError
from flywheel.config import parse
from flywheel.core.access import Principal, Scope


@pytest.fixture
def issuer():
    with issuing() as found:
        yield found


def identity(issuer, **changes):
    values = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "scopes_claim": "scope",
        "scopes_prefix": "flywheel:",
        "leeway_s": 30.0,
    }
    return OidcIdentity(**(values | changes))


def test_a_good_token_says_who_asks_and_what_they_may(issuer):
    identify = identity(issuer)
    assert issuer.asked == []
    expected = Principal(name="oidc:ann", scopes=frozenset({Scope.READ, Scope.OPERATE}))
    assert identify(issuer.token()) == expected
    assert identify(issuer.token(sub="ben")).name == "oidc:ben"
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("flywheel:admin", {Scope.ADMIN}),
        (["flywheel:act", "other:read", 7, None], {Scope.ACT}),
        ("read operate flywheel:unheard-of", set()),
        ("flywheel:", set()),
        ({"flywheel:admin": True}, set()),
        (None, set()),
    ],
)
def test_scopes_are_those_with_our_prefix(issuer, claim, scopes):
    found = identity(issuer, scopes_claim="roles")(issuer.token(roles=claim))
    assert found == Principal(name="oidc:ann", scopes=frozenset(scopes))


def test_an_empty_prefix_takes_the_names_as_they_are(issuer):
    found = identity(issuer, scopes_prefix="")(issuer.token(scope="read unheard-of"))
    assert found.scopes == {Scope.READ}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"aud": "somebody else"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": "ann\nben"},
        {"key_id": None},
        {"key_id": "unheard-of"},
        {"key": rsa_key("forged")},
        {"algorithm": "RS512"},
        {"algorithm": "PS256"},
        {"key": "s" * 64, "algorithm": "HS256"},
        {"key": ec_key("forged"), "algorithm": "ES256"},
    ],
)
def test_a_token_that_is_not_good_is_nobodys(issuer, changes):
    assert identity(issuer)(issuer.token(**changes)) is None


def test_a_public_key_is_no_shared_secret(issuer):
    # Signed by hand: the library refuses to make one.
    def part(plain):
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b"=").decode()

    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    for header in ({"alg": "HS256", "kid": "first"}, {"alg": "none", "kid": "first"}):
        unsigned = f"{part(header)}.{part(claims)}"
        for signature in ("", "c2lnbmF0dXJl"):
            assert identity(issuer)(f"{unsigned}.{signature}") is None


def test_clocks_may_differ_a_little(issuer):
    late, early = int(time()) - 10, int(time()) + 10
    assert identity(issuer)(issuer.token(exp=late)) is not None
    assert identity(issuer)(issuer.token(nbf=early)) is not None
    assert identity(issuer, leeway_s=0.0)(issuer.token(exp=late)) is None
    assert identity(issuer, leeway_s=0.0)(issuer.token(nbf=early)) is None


def test_other_kinds_of_keys_count_too(issuer):
    issuer.add_ec("second")
    token = issuer.token(key=ec_key("second"), key_id="second", algorithm="ES256")
    assert identity(issuer)(token).name == "oidc:ann"


def test_a_key_that_is_not_for_signing_is_none(issuer):
    issuer.add_rsa("third", use="enc")
    assert identity(issuer)(issuer.token(key_id="third")) is None


def test_a_shared_secret_among_the_keys_is_not_used(issuer):
    secret = base64.urlsafe_b64encode(b"s" * 64).rstrip(b"=").decode()
    issuer.keys["shared"] = {"kty": "oct", "k": secret, "kid": "shared", "alg": "HS256", "use": "sig"}
    token = issuer.token(key="s" * 64, key_id="shared", algorithm="HS256")
    assert identity(issuer)(token) is None


def test_a_new_key_is_found_but_nobody_can_make_us_ask_all_the_time(issuer):
    identify = identity(issuer)
    identify(issuer.token())
    for number in range(20):
        assert identify(issuer.token(key=rsa_key("first"), key_id=f"unheard-of-{number}")) is None
    assert issuer.asked.count("/keys") <= 2


def test_a_withdrawn_key_counts_only_for_a_while(issuer, monkeypatch):
    monkeypatch.setattr(issuer_keys, "LIFESPAN_S", 1e-6)
    identify = identity(issuer)
    assert identify(issuer.token()) is not None
    issuer.keys.clear()
    issuer.add_rsa("second")
    assert identify(issuer.token()) is None
    assert identify(issuer.token(key_id="second")) is not None


def test_nonsense_is_nobodys_and_the_issuer_is_not_asked(issuer):
    identify = identity(issuer)
    for nonsense in (
        "",
        "a",
        "a.b.c",
        "..",
        "fw_abc",
        "é.é.é",
        "a" * 100_000,
        issuer.token(iss="https://other.example"),
    ):
        assert identify(nonsense) is None
    assert issuer.asked == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
    | st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), st.sampled_from(["RS256", 1, None, [], "a"])
    ),
    claims=st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "scope"]),
        st.sampled_from(["a", 1, 1e300, None, [], {}, True, "ann", 4_000_000_000]),
    ),
)
def test_whatever_it_holds_it_raises_nothing(issuer, header, claims):
    def part(plain):
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b"=").decode()

    if "iss" in claims:
        claims["iss"] = issuer.url
    assert identity(issuer)(f"{part(header)}.{part(claims)}.c2ln") is None


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from(["aud", "sub", "exp", "nbf", "iat", "scope", "jti"]),
        st.sampled_from([1, 1e300, -1, [], ["a", 1], {}, {"a": 1}, True, "ann", 4_000_000_000, 10**30]),
    )
)
def test_whatever_the_issuer_signs_it_raises_nothing(issuer, changes):
    key, headers = rsa_key("first"), {"kid": "first", "alg": "RS256"}
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ann", "exp": int(time()) + 600, **changes}
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm="RS256", headers=headers)
    found = identity(issuer)(token)
    assert found is None or found.name == "oidc:ann"


@pytest.mark.parametrize(
    "documents",
    [
        {"/.well-known/openid-configuration": 500},
        {"/.well-known/openid-configuration": b"no json"},
        {"/.well-known/openid-configuration": [1]},
        {"/.well-known/openid-configuration": {"issuer": "https://elsewhere.example", "jwks_uri": "http://x/"}},
        {"/.well-known/openid-configuration": 404},
        {"/keys": 503},
        {"/keys": b"no json"},
        {"/keys": {"keys": []}},
        {"/keys": {"keys": [{"kty": "nonsense"}]}},
        {"/keys": [1]},
    ],
)
def test_an_issuer_that_does_not_say_its_keys_is_a_503_with_a_reason(issuer, documents):
    issuer.documents = documents
    identify = identity(issuer)
    for _ in range(3):
        with pytest.raises(RequestRefusedError) as refused:
            identify(issuer.token())
        assert refused.value.status == 503
        assert refused.value.detail.startswith(f"the tokens' issuer {issuer.url} cannot be asked for its keys: ")
        assert refused.value.headers == {"Retry-After": "10"}
    # Asked once: the next ones do not wait for it.
    assert len(issuer.asked) <= 2


def test_jwks_uris_of_other_kinds_are_not_opened(issuer):
    for uri in ("file:///etc/passwd", 7, None):
        issuer.documents = {"/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": uri}}
        with pytest.raises(RequestRefusedError, match="cannot be asked"):
            identity(issuer)(issuer.token())


def test_an_issuer_that_is_gone_is_a_503_until_it_is_back(issuer, monkeypatch):
    monkeypatch.setattr(issuer_keys, "PAUSE_S", 0.0)
    issuer.documents = {"/keys": 503}
    identify = identity(issuer)
    with pytest.raises(RequestRefusedError, match="503"):
        identify(issuer.token())
    issuer.documents = {}
    assert identify(issuer.token()) is not None


def test_keys_that_are_known_count_while_the_issuer_is_gone(issuer):
    identify = identity(issuer)
    token = issuer.token()
    identify(token)
    issuer.documents = {"/keys": 503, "/.well-known/openid-configuration": 503}
    assert identify(token) is not None


def test_where_nobody_listens_it_is_a_503():
    with issuing() as issuer:
        token, identify = issuer.token(), identity(issuer)
    with pytest.raises(RequestRefusedError, match="ConnectError"):
        identify(token)


def test_many_requests_at_once_ask_the_issuer_once(issuer):
    identify, token = identity(issuer), issuer.token()
    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(identify, [token] * 64))) == 1
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_through_the_api(issuer, tmp_path):
    desk = open_desk(tmp_path / "store", parse(small_settings(), origin="test"))
    desk.plane = replace(desk.plane, identify=first_of([desk.plane.identify, identity(issuer)]))
    client = desk.client(None)

    def ask(token):
        return client.get("/v1/iterations", headers={"Authorization": f"Bearer {token}"})

    issuer.documents = {"/keys": 503}
    assert ask("a.b.c").status_code == 401
    away = ask(issuer.token())
    assert (away.status_code, away.headers["Content-Type"]) == (503, "application/problem+json")
    assert away.json()["detail"].startswith(f"the tokens' issuer {issuer.url} cannot be asked")
    issuer.documents = {}
    desk.plane = replace(desk.plane, identify=identity(issuer))
    client = desk.client(None)
    assert ask(issuer.token()).status_code == 200
    assert ask(issuer.token(scope="openid")).status_code == 403


def test_our_own_tokens_come_first(issuer):
    ours = Principal(name="token:ann", scopes=frozenset())
    identify = first_of([lambda secret: ours if secret == "fw_1" else None, identity(issuer)])
    assert identify("fw_1") == ours
    assert identify(issuer.token()).name == "oidc:ann"
    assert identify("fw_2") is None
