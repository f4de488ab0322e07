"""ID tokens: what an OpenID provider says about who signed in (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidClaimError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

# Asymmetric alone: with HS256, whoever knows the provider's public key could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEY_TYPES = ("RSA", "EC")
LEEWAY_SECONDS = 60
LONGEST_SUBJECT = 255  # characters; OpenID Connect Core 1.0, 2


def signing_keys(document: Any) -> KeySet:
    """The public keys in a provider's JWKS that may sign ID tokens; raises `ValueError`, `LookupError`, `JoseError`."""
    usable = [key for key in document["keys"] if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
    return KeySet.import_key_set({"keys": usable})


def verify(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, access_token: str, now: int
) -> dict[str, Any]:
    """The claims of a token that this issuer made for this client and this sign-in, valid at `now` (Unix seconds).

    Raises `JoseError` (`InvalidKeyIdError` for a key that is not in `keys`), `ValueError` or `TypeError` for any other.
    """
    # Header fields this does not know are ignored, as RFC 7515 asks; `crit` ones are refused.
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    decoded = jwt.decode(id_token, keys, registry=registry)
    options: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
    }
    # By these it checks azp, nonce (never optional once asked for) and at_hash.
    params = {"client_id": client_id, "nonce": nonce, "access_token": access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    claims.validate(now=now, leeway=LEEWAY_SECONDS)
    # An empty at_hash counts as none in authlib 1.9, and a subject has no limit there.
    if "at_hash" in claims and not (isinstance(claims["at_hash"], str) and claims["at_hash"]):
        raise InvalidClaimError("at_hash")
    if len(claims["sub"]) > LONGEST_SUBJECT:
        raise InvalidClaimError("sub")
    return dict(claims)
