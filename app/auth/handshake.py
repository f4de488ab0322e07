"""One way to an OpenID provider and back: bound to the browser by a signed cookie that lives ten minutes."""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.errors import Unauthorized

ALGORITHM, TYPE = "HS256", "aim-handshake+jwt"
SECONDS = 600
LONGEST_COOKIE = 4096  # characters; what browsers keep


@dataclass(frozen=True, slots=True)
class Handshake:
    """`id` is random; `state`, `nonce` and `verifier` (RFC 7636) follow from it by a key that stays here."""

    id: str
    provider: str
    next: str
    expires: int
    state: str
    nonce: str
    verifier: str

    @property
    def ends(self) -> datetime:
        return datetime.fromtimestamp(self.expires, UTC)


def handshake_cookie(https: bool) -> str:
    """The cookie's name; see `session_cookie`."""
    return "__Host-aim_handshake" if https else "aim_handshake"


class Handshakes:
    """Starts and resumes them. Nothing is stored before one comes back, so that nobody can fill the database."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = OctKey.import_key(_derive(secret, "cookie"))
        self._secret = secret
        self._clock = clock

    def start(self, provider: str, next: str) -> tuple[Handshake, str]:
        """A new handshake and the value of its cookie."""
        handshake = self._make(secrets.token_urlsafe(32), provider, next, int(self._clock()) + SECONDS)
        claims = {"jti": handshake.id, "provider": provider, "next": next, "exp": handshake.expires}
        return handshake, jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, self._key, algorithms=[ALGORITHM])

    def resume(self, cookie: str | None, provider: str, state: str | None) -> Handshake:
        """The handshake this browser began with this provider, if `state` is its own; raises `Unauthorized`."""
        handshake = self._read(cookie) if cookie and len(cookie) <= LONGEST_COOKIE else None
        if handshake is None or handshake.provider != provider or handshake.expires <= self._clock():
            raise _refused()
        if not hmac.compare_digest(handshake.state.encode(), (state or "").encode("utf-8", "surrogatepass")):
            raise _refused()
        return handshake

    def _read(self, cookie: str) -> Handshake | None:
        try:
            decoded = jwt.decode(cookie, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError):  # ValueError: not base64, not JSON, not text
            return None
        if decoded.header != {"alg": ALGORITHM, "typ": TYPE}:
            return None
        claims: dict[str, Any] = decoded.claims
        return self._make(claims["jti"], claims["provider"], claims["next"], claims["exp"])

    def _make(self, identifier: str, provider: str, next: str, expires: int) -> Handshake:
        state, nonce, verifier = (
            urlsafe_b64encode(_derive(self._secret, f"{use} {identifier}")).decode().rstrip("=")
            for use in ("state", "nonce", "verifier")
        )
        return Handshake(identifier, provider, next, expires, state, nonce, verifier)


def _derive(secret: bytes, use: str) -> bytes:
    """32 bytes for one use; HMAC is a pseudo-random function of the secret (RFC 5869, 3.3)."""
    return hmac.digest(secret, use.encode(), "sha256")


def _refused() -> Unauthorized:
    return Unauthorized(
        "This sign-in was not begun in this browser or took longer than ten minutes; start again.", code="bad_state"
    )
