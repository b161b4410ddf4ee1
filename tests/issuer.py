"""An OpenID Connect provider: a real HTTP server in a thread, with keys of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "flywheel"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issuer:
    """Signs tokens and shows its public keys."""

    url: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    """Id -> what is shown of it."""
    documents: dict[str, Any] = field(default_factory=dict)
    """Path -> what is answered instead: a status, or a document."""
    asked: list[str] = field(default_factory=list)

    def add_rsa(self, name: str, **changes: Any) -> None:
        public = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
        self.keys[name] = {**public, "kid": name, "use": "sig", "alg": "RS256", **changes}

    def add_ec(self, name: str) -> None:
        public = ECAlgorithm.to_jwk(ec_key(name).public_key(), as_dict=True)
        self.keys[name] = {**public, "kid": name, "use": "sig", "alg": "ES256"}

    def token(self, *, key: Any = None, key_id: str | None = "first", algorithm: str = "RS256", **changes: Any) -> str:
        """A good one, but for the changes. A claim that is None is left out."""
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "exp": int(time()) + 600,
            "scope": "openid flywheel:read flywheel:operate",
            **changes,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        headers = {} if key_id is None else {"kid": key_id}
        return jwt.encode(given, key or rsa_key(key_id or "first"), algorithm=algorithm, headers=headers)

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        return self.documents.get(path, self._documents().get(path, 404))

    def _documents(self) -> dict[str, Any]:
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": list(self.keys.values())},
        }


@contextmanager
def issuing() -> Iterator[Issuer]:
    """With an RSA key called `first`."""
    issuer = Issuer()
    issuer.add_rsa("first")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.answer(self.path)
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(found if isinstance(found, int) else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
