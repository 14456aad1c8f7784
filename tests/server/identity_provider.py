"""An identity provider on this machine: signs tokens, and serves its keys as a JWKS."""

import contextlib
import json
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://login.example/"
AUDIENCE = "claims"


@dataclass
class IdentityProvider:
    """Has one RSA key, and others later if it likes."""

    url: str
    keys: dict[str, Any] = field(default_factory=lambda: {"first": _rsa()})
    fetches: int = 0

    def token(self, *, key_id: str = "first", key: Any = None, **claims: Any) -> str:
        """Return a good token; `claims` changes what is in it, None takes a claim out."""
        now = int(time.time())
        given = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 600,
            "permissions": ["default:read"],
        } | claims
        return jwt.encode(
            {name: value for name, value in given.items() if value is not None},
            key or self.keys[key_id],
            algorithm="RS256",
            headers={"kid": key_id},
        )

    def public_pem(self) -> bytes:
        """Return what an attacker knows as well."""
        public = self.keys["first"].public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def jwks(self) -> bytes:
        self.fetches += 1
        keys: list[dict[str, Any]] = []
        for key_id, key in self.keys.items():
            kind: Any = ECAlgorithm if _is_ec(key) else RSAAlgorithm
            document = json.loads(kind.to_jwk(key.public_key()))
            keys.append(document | {"kid": key_id, "use": "sig"})
        return json.dumps({"keys": keys}).encode()


@contextlib.contextmanager
def identity_provider() -> Generator[IdentityProvider]:
    """Run one for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            body = provider.jwks()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_address[1]}/jwks.json")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def new_ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _is_ec(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey)
