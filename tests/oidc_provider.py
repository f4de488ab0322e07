"""A small real OpenID provider on loopback, for tests: code flow with PKCE, RS256, and every lie it is told to tell.

Its authorization endpoint asks nothing: whoever comes is `subject`, and is sent straight back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

Json = dict[str, Any]
CLIENT_ID, CLIENT_SECRET = "ai-manager", "a secret of the tests / with signs"


class OIDCProvider:
    """Runs in a thread; use it as a context manager. What it says is changed by its attributes, before it is asked."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.subject = "subject-1"
        self.email: str | None = "dana@example.com"
        self.claims: Json = {}  # laid over those of the ID token; None takes one out
        self.header: Json = {}  # laid over that of the ID token
        self.thief: RSAKey | None = None  # signs in place of the published key
        self.userinfo: Json = {}
        self.metadata: Json = {}  # laid over the metadata
        self.answer: dict[str, str] = {}  # laid over the query that leads back
        self.public_client = False
        self.garbage: set[str] = set()  # paths that answer with a web page
        self.failing: set[str] = set()  # paths that answer 500
        self.slow: dict[str, float] = {}  # seconds by path
        self.asked: list[str] = []  # paths, in order
        self.authorizations: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.rotate()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish that one alone."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What it answers

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent: back, with a code."""
        self.authorizations.append(query)
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], **self.answer}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Json]:
        """RFC 6749, 4.1.3 and RFC 7636, 4.6: the client, the code (once), the redirect and the verifier must fit."""
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = (
            asked is not None
            and asked["redirect_uri"] == form["redirect_uri"]
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == _base64(digest)
        )
        if asked is None or not fits:
            return 400, {"error": "invalid_grant", "error_description": "words of the provider"}
        access_token = secrets.token_urlsafe(16)
        self._tokens.add(access_token)
        id_token = self.sign(self._about(asked, access_token))
        return 200, {"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}

    def sign(self, claims: Json) -> str:
        """By hand: libraries refuse to make the forgeries."""
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        signed = f"{_segment(header)}.{_segment(claims)}".encode()
        signers: dict[str, Callable[[], bytes]] = {
            "RS256": lambda: _private(self.thief or self.key).sign(signed, PKCS1v15(), SHA256()),
            "HS256": lambda: hmac.digest(self.key.as_pem(private=False), signed, "sha256"),
            "none": lambda: b"",
        }
        return f"{signed.decode()}.{_base64(signers[header['alg']]())}"

    def _about(self, asked: dict[str, str], access_token: str) -> Json:
        moment = int(self.clock())
        claims: Json = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "iat": moment,
            "exp": moment + 300,
            "nonce": asked["nonce"],
            "at_hash": _base64(hashlib.sha256(access_token.encode()).digest()[:16]),
        }
        if self.email is not None:
            claims |= {"email": self.email, "email_verified": True}
        return {name: value for name, value in (claims | self.claims).items() if value is not None}

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if self.public_client:
            return form.get("client_id") == CLIENT_ID and not authorization and "client_secret" not in form
        if self._metadata()["token_endpoint_auth_methods_supported"] == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        pairs = (f"{CLIENT_ID}:{CLIENT_SECRET}", f"{quote(CLIENT_ID, safe='')}:{quote(CLIENT_SECRET, safe='')}")
        return authorization in [f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in pairs]

    def _metadata(self) -> Json:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            **self.metadata,
        }

    def _get(self, path: str, query: dict[str, str], authorization: str) -> tuple[int, Json, str | None]:
        if path == "/authorize":
            return 302, {}, self.authorize(query)
        if path == "/userinfo":
            known = authorization.removeprefix("Bearer ") in self._tokens
            return (200, {"sub": self.subject, **self.userinfo}, None) if known else (401, {}, None)
        documents: dict[str, Json] = {
            "/.well-known/openid-configuration": self._metadata(),
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
        }
        return (200, documents[path], None) if path in documents else (404, {}, None)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                provider.asked.append(parts.path)
                query = dict(parse_qsl(parts.query))
                authorization = self.headers.get("authorization", "")
                self._answer(parts.path, *provider._get(parts.path, query, authorization))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(self.path, *provider.token(form, self.headers.get("authorization", "")))

            def _answer(self, path: str, status: int, document: Json, location: str | None = None) -> None:
                time.sleep(provider.slow.get(path, 0))
                body = b"<html>" if path in provider.garbage else json.dumps(document).encode()
                self.send_response(500 if path in provider.failing else status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                if location is not None:
                    self.send_header("location", location)
                self.end_headers()
                with suppress(ConnectionError):  # whoever asked was too slow to wait
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _private(key: RSAKey) -> RSAPrivateKey:
    assert key.private_key is not None
    return key.private_key


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _segment(part: Json) -> str:
    return _base64(json.dumps(part).encode())
