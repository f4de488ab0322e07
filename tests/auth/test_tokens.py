"""The attacks A1 to A6 of the threat model, on the verifier and through the authenticator."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.auth.secrets import load_secret
from app.auth.tokens import Tokens
from app.errors import ConfigError, Unauthorized
from tests.auth.support import SECRET, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(SECRET, 10, clock.seconds)


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, secret: bytes = SECRET) -> str:
    """A token with a right signature over whatever it says."""
    message = f"{encode(header)}.{encode(claims)}"
    return f"{message}.{encode(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def header(**more: Any) -> dict[str, Any]:
    return {"alg": "HS256", "typ": "at+jwt", **more}


def claims(clock: Clock, **more: Any) -> dict[str, Any]:
    moment = int(clock.seconds())
    return {
        "iss": "ai-manager", "aud": "ai-manager-api", "sub": "dana", "sid": "session", "jti": "1", "iat": moment,
        "nbf": moment, "exp": moment + 600, **more,
    }  # fmt: skip


def refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(Unauthorized, match="not valid or has expired"):
        tokens.verify(token)


def test_an_issued_token_names_user_and_session_for_ten_minutes(tokens: Tokens, clock: Clock) -> None:
    token, seconds = tokens.issue("dana", "session")
    assert seconds == 600
    assert tokens.verify(token) == ("dana", "session")
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) == header()
    clock.pass_by(minutes=10, seconds=29)
    assert tokens.verify(token) == ("dana", "session")
    clock.pass_by(seconds=1)
    refused(tokens, token)


def test_our_own_forgery_is_accepted_so_that_the_refusals_below_mean_something(tokens: Tokens, clock: Clock) -> None:
    assert tokens.verify(signed(header(), claims(clock))) == ("dana", "session")


@pytest.mark.parametrize("name", ["none", "None", "nOnE", "NONE", "", "HS512", "RS256"])
def test_a1_other_algorithms(tokens: Tokens, clock: Clock, name: str) -> None:
    unsigned = f"{encode(header(alg=name))}.{encode(claims(clock))}."
    refused(tokens, unsigned)
    refused(tokens, signed(header(alg=name), claims(clock)))


def test_a2_key_confusion(tokens: Tokens, clock: Clock) -> None:
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    refused(tokens, signed(header(), claims(clock), pem))


@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": {"kty": "oct", "k": encode(b"attacker" * 4)}},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc"},
        {"kid": "../../dev/null"},
        {"kid": "unknown"},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
)
def test_a3_header_keys(tokens: Tokens, clock: Clock, extra: dict[str, Any]) -> None:
    refused(tokens, signed(header(**extra), claims(clock)))
    refused(tokens, signed(header(**extra), claims(clock), b"attacker" * 4))


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"])
def test_a4_every_claim_is_required(tokens: Tokens, clock: Clock, missing: str) -> None:
    body = claims(clock)
    del body[missing]
    refused(tokens, signed(header(), body))


@pytest.mark.parametrize(
    ("name", "offset"), [("exp", -30), ("exp", -3600), ("nbf", 31), ("nbf", 3600), ("iat", 31), ("iat", 3600)]
)
def test_a4_time(tokens: Tokens, clock: Clock, name: str, offset: int) -> None:
    refused(tokens, signed(header(), claims(clock, **{name: int(clock.seconds()) + offset})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": "9999999999"}, {"exp": 1e99}, {"exp": 9999999999.5}, {"exp": True}, {"exp": None},
        {"exp": [9999999999]},
        {"iat": "0"}, {"nbf": 0.0}, {"sub": 1}, {"sub": ""}, {"sub": ["dana"]}, {"sid": None}, {"sid": ""}, {"jti": 7},
        {"aud": ["ai-manager-api"]}, {"iss": ["ai-manager"]},
    ],
)  # fmt: skip
def test_a4_types(tokens: Tokens, clock: Clock, wrong: dict[str, Any]) -> None:
    refused(tokens, signed(header(), claims(clock, **wrong)))


@pytest.mark.parametrize(
    "token_header", [header(typ="JWT"), header(typ="rt+jwt"), {"alg": "HS256"}, header(typ="AT+JWT"), header(typ=None)]
)
def test_a5_other_kinds_of_token(tokens: Tokens, clock: Clock, token_header: dict[str, Any]) -> None:
    refused(tokens, signed(token_header, claims(clock)))


@pytest.mark.parametrize("other", [{"iss": "somebody"}, {"aud": "another-service"}, {"aud": "ai-manager"}])
def test_a5_other_issuer_or_audience(tokens: Tokens, clock: Clock, other: dict[str, Any]) -> None:
    refused(tokens, signed(header(), claims(clock, **other)))


def test_a5_the_token_of_another_installation(tokens: Tokens, clock: Clock) -> None:
    refused(tokens, Tokens(b"another installation's own secret", 10, clock.seconds).issue("dana", "session")[0])


@pytest.mark.parametrize(
    "nonsense",
    ["", ".", "..", "a.b.c", "a.b.c.d.e", "\ud800", "x" * 100_000, "é.é.é", "null", f"{encode(b'[]')}.e30.e30"],
)
def test_nonsense_is_refused(tokens: Tokens, nonsense: str) -> None:
    refused(tokens, nonsense)


def test_a_changed_token_is_refused(tokens: Tokens) -> None:
    token, _ = tokens.issue("dana", "session")
    head, body, signature = token.split(".")
    forged = json.loads(base64.urlsafe_b64decode(body + "=="))
    refused(tokens, f"{head}.{encode({**forged, 'sub': 'eli'})}.{signature}")
    refused(tokens, f"{head}.{body}.{signature[:-2]}AA")


@pytest.mark.parametrize("secret", [b"", b"secret", b"x" * 31])
def test_a6_a_weak_secret_stops_the_start(secret: bytes) -> None:
    with pytest.raises(ConfigError, match="needs 32; delete the key file"):
        Tokens(secret, 10)


# The key file


def test_the_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "tokens.key"
    secret = load_secret(file)
    assert len(secret) == 32
    assert load_secret(file) == secret
    assert load_secret(tmp_path / "keys" / "other.key") != secret
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["other.key", "tokens.key"]


def test_a_key_made_by_another_start_meanwhile_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tokens.key"
    file.write_bytes(bytes(range(32)))
    monkeypatch.setattr(Path, "exists", lambda _self, **_options: False)
    assert load_secret(file) == bytes(range(32))


def test_a_damaged_key_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "tokens.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="is damaged; delete it"):
        load_secret(tmp_path / "tokens.key")


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be read or made"):
        load_secret(tmp_path / "file" / "tokens.key")
