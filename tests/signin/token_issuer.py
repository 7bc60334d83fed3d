"""An issuer of JWTs on loopback: its keys, its tokens, good and bad, and its JWKS document."""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

NAME = "https://issuer.example/"
AUDIENCE = "https://orders.example/mcp"
# When the tests take place, in seconds since 1970.
NOW = 1_800_000_000
# Only a limit for a test that hangs; no assertion depends on it.
PATIENCE = 30
TRICKLE_SECONDS = 0.01


@cache
def key_pair(kind: str, number: int = 0) -> Any:
    """A private key, made once: RS, ES256, ES384, EdDSA, or short (RSA of 1,024 bits)."""
    match kind:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "short":
            return rsa.generate_private_key(65_537, 1_024)
        case _:
            return rsa.generate_private_key(65_537, 2_048)


def kind_of(algorithm: str) -> str:
    return "RS" if algorithm[:2] in ("RS", "PS") else algorithm


def jwk(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    """The public half as a JWK, with more members, of which those that are None are left out."""
    public = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    members = {**public, "use": "sig", "alg": algorithm, **more}
    return {name: value for name, value in members.items() if value is not None}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assembled(header: bytes, payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """A token of exactly these bytes."""
    message = f"{encoded(header)}.{encoded(payload)}"
    return f"{message}.{encoded(sign(message.encode()))}"


def signature(key: Any, algorithm: str) -> Callable[[bytes], bytes]:
    return lambda message: get_default_algorithms()[algorithm].sign(message, key)


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token, changed; a claim that is None is left out."""
    good = {
        "iss": NAME,
        "aud": AUDIENCE,
        "sub": "anna@example.com",
        "client_id": "agent-7",
        "scope": "openid orders:read refunds:write",
        "iat": NOW - 60,
        "exp": NOW + 600,
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


class Issuer:
    """The issuer, whose JWKS document is served while this is open.

    `fetches` are the paths that were asked for; `status`, `headers` and `body` change the answer,
    and no answer is given before `gate` is set. One that trickles never ends.
    """

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk(key_pair("RS"), "RS256", kid="k1")]
        self.fetches: list[str] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.trickles = False
        self.closed = threading.Event()

    def token(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        header: Mapping[str, Any] | None = None,
        algorithm: str = "RS256",
        key: Any = None,
    ) -> str:
        """A token that this issuer signed, with these changes of its claims and its header."""
        head = {"alg": algorithm, "typ": "at+jwt", "kid": "k1", **(header or {})}
        return assembled(
            json.dumps({name: v for name, v in head.items() if v is not None}).encode(),
            json.dumps(claims(**(changes or {}))).encode(),
            signature(key or key_pair(kind_of(algorithm)), algorithm),
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/keys"

    def __enter__(self) -> Self:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches.append(self.path)
                issuer.asked.set()
                issuer.gate.wait(PATIENCE)
                body = issuer.body
                if body is None:
                    body = json.dumps({"keys": issuer.keys}).encode()
                try:
                    self.send_response(issuer.status)
                    for name, value in issuer.headers.items():
                        self.send_header(name, value)
                    if not issuer.trickles:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    # Until who asked has gone, or the test is over.
                    while issuer.trickles and not issuer.closed.wait(TRICKLE_SECONDS):
                        self.wfile.write(b" ")
                    self.wfile.write(body)
                except OSError:
                    pass  # Who asked has gone.

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
