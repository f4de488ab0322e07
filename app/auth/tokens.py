"""Access tokens: short-lived HS256 JWTs by joserfc, with every claim required and typed (RFC 9068, RFC 8725)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.errors import ConfigError, Unauthorized

ALGORITHM, TYPE = "HS256", "at+jwt"
ISSUER, AUDIENCE = "ai-manager", "ai-manager-api"
LEEWAY_SECONDS = 30
SHORTEST_SECRET = 32  # bytes; RFC 7518, 3.2: a key at least as long as the hash
LONGEST_TOKEN = 2048  # characters; ours have about 400

CLAIMS: dict[str, type] = {
    "iss": str, "aud": str, "sub": str, "sid": str, "jti": str, "iat": int, "nbf": int, "exp": int
}  # fmt: skip


class Tokens:
    """Issues and verifies access tokens. A token only names a session; SQL says whether that still lives."""

    def __init__(self, secret: bytes, minutes: int, clock: Callable[[], float] = time.time) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ConfigError(
                f"The key that signs access tokens has {len(secret)} bytes and needs {SHORTEST_SECRET}; "
                "delete the key file in the data folder and start again."
            )
        self._key = OctKey.import_key(secret)
        self._seconds = minutes * 60
        self._clock = clock

    def issue(self, user_id: str, session_id: str) -> tuple[str, int]:
        """A token for this user and session, and its life in seconds."""
        moment = int(self._clock())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "jti": uuid.uuid4().hex,
            "iat": moment,
            "nbf": moment,
            "exp": moment + self._seconds,
        }
        token = jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, self._key, algorithms=[ALGORITHM])
        return token, self._seconds

    def verify(self, token: str) -> tuple[str, str]:
        """The user id and session id of a token of ours that is valid now; raises `Unauthorized` for any other."""
        if len(token) > LONGEST_TOKEN:
            raise _refused()
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError):  # ValueError: not base64, not JSON, not text
            raise _refused() from None
        # The whole header is fixed, so that crit, jwk, jku, x5u, kid and whatever comes next are all refused.
        if decoded.header != {"alg": ALGORITHM, "typ": TYPE} or not self._acceptable(decoded.claims):
            raise _refused()
        return decoded.claims["sub"], decoded.claims["sid"]

    def _acceptable(self, claims: dict[str, Any]) -> bool:
        if any(type(claims.get(name)) is not kind for name, kind in CLAIMS.items()):
            return False
        moment = self._clock()
        return bool(
            claims["iss"] == ISSUER
            and claims["aud"] == AUDIENCE
            and claims["sub"]
            and claims["sid"]
            and claims["jti"]
            and claims["nbf"] <= moment + LEEWAY_SECONDS
            and claims["iat"] <= moment + LEEWAY_SECONDS
            and claims["exp"] > moment - LEEWAY_SECONDS
        )


def _refused() -> Unauthorized:
    return Unauthorized(
        "The access token is not valid or has expired; refresh it or sign in again.", code="invalid_token"
    )
