"""threats.md A1-A6, A15, A18: forged tokens on every route, weak keys, malformed requests over raw sockets, broken auth."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from joserfc import jwt

from app.auth.authenticate import Authenticator
from app.auth.guard import Guard
from app.auth.tokens import Tokens
from app.config import ServerSettings
from app.errors import ConfigError
from app.main import build_services, create_app
from tests.auth.support import Accounts, ask, open_accounts
from tests.auth.test_gradio import build_blocks
from tests.conftest import settings_in
from tests.oidc_provider import OIDCProvider
from tests.security.routes import gradio_routes, parent_routes
from tests.security.running import BM25, Site, running
from tests.security.test_a_routes import OPEN


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("doors") / "data") as made:
        yield made


# A1-A5: on every route, in the header and in the cookie


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    body = f"{encode(header)}.{encode(claims)}"
    return f"{body}.{encode(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


def forgeries(site: Site, listener: str, provider: OIDCProvider) -> dict[str, str]:
    """One of each kind, for a user and a sign-in that are alive: nothing but the token itself is wrong."""
    client, account = site.register()
    client.close()
    right: str = account["access_token"]
    secret = site.app.state.tokens._key.raw_value
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in right.split(".")[:2])
    public = provider.key.as_dict(private=False)
    pem = provider.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    stranger = b"a key of the attacker, long enough"
    now = int(time.time())
    assert site.app.state.tokens.verify(signed(header, claims, secret)), "a forgery with the right key would be let in"
    return {
        **{f"alg {alg}": f"{encode({**header, 'alg': alg})}.{encode(claims)}." for alg in ("none", "None", "nOnE")},
        "public PEM as the secret": signed(header, claims, pem),
        "public JWK as the secret": signed(header, claims, json.dumps(public).encode()),
        "RS256 of the provider": jwt.encode({**header, "alg": "RS256"}, claims, provider.key, algorithms=["RS256"]),
        "jwk": signed({**header, "jwk": {"kty": "oct", "k": encode(stranger)}}, claims, stranger),
        "jku": signed({**header, "jku": f"{listener}/keys"}, claims, stranger),
        "x5u": signed({**header, "x5u": f"{listener}/cert"}, claims, stranger),
        "jku, right key": signed({**header, "jku": f"{listener}/keys"}, claims, secret),
        "kid as a path": signed({**header, "kid": "../../dev/null"}, claims, b""),
        "crit": signed({**header, "crit": ["x"], "x": 1}, claims, secret),
        "expired": signed(header, {**claims, "exp": now - 31}, secret),
        "without exp": signed(header, {name: value for name, value in claims.items() if name != "exp"}, secret),
        "exp 1e99": signed(header, {**claims, "exp": 1e99}, secret),
        "nbf to come": signed(header, {**claims, "nbf": now + 3600}, secret),
        "iat to come": signed(header, {**claims, "iat": now + 3600}, secret),
        "other audience": signed(header, {**claims, "aud": "elsewhere"}, secret),
        "other installation": Tokens(stranger, 10).issue(claims["sub"], claims["sid"])[0],
        "refresh token": account["refresh_token"],
        "id token": provider.sign(
            {"iss": provider.issuer, "aud": "ai-manager", "sub": claims["sub"], "exp": now + 300}
        ),
    }


@pytest.fixture
def listener() -> Iterator[tuple[str, list[Any]]]:
    """An address that a token may name, and who came."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, peer = server.accept()
                except TimeoutError:
                    continue
                came.append(peer)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", came
        over.set()
        thread.join(5)


def test_no_forged_token_opens_any_route(site: Site, listener: tuple[str, list[Any]]) -> None:
    address, came = listener
    shut = {
        (method, route.at())
        for route in (*parent_routes(site.app), *gradio_routes(site.app))
        for method in route.methods
        if (method, route.path) not in OPEN
    }
    assert len(shut) > 90
    with OIDCProvider() as provider, site.client() as client:
        tokens = forgeries(site, address, provider)
        # Every forgery at one route of each kind, and one that a weak verifier takes at every route.
        some = {("GET", "/api/profile"), ("DELETE", "/api/account"), ("GET", "/app/config"), ("GET", "/app/")}
        assert some <= shut
        tries = [(name, door) for name in tokens for door in some]
        tries += [("alg none", door) for door in shut] + [("refresh token", door) for door in shut]
        wrong = []
        for name, (method, path) in tries:
            for headers in ({"Authorization": f"Bearer {tokens[name]}"}, {"Cookie": f"aim_session={tokens[name]}"}):
                answer = client.request(method, path, headers=headers)
                led = answer.status_code == 303 and "Cookie" in headers and path.startswith("/app")
                if answer.status_code not in (401, 403, 404) and not led:
                    wrong.append((name, method, path, [*headers], answer.status_code))
    assert wrong == []
    assert came == [], "nothing is fetched because a token says so"


# A6


@pytest.mark.parametrize("name", ["jwt.key", "audit.key"])
@pytest.mark.parametrize(
    "content",
    [b"", b"secret", b"x" * 31, b"\x00" * 32, b"changeme" * 8],
    ids=["empty", "word", "31", "zeros", "default"],
)
def test_the_program_does_not_start_on_a_weak_key(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "data"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / name).write_bytes(content)

    async def start() -> None:
        settings = settings_in(folder, embeddings=BM25, llm={"provider": "none"})
        services = build_services(settings, seed=False)
        try:
            create_app(settings, services)
        finally:
            services.close()

    with pytest.raises(ConfigError, match=rf"{name} .*; delete it and start again"):
        asyncio.run(start())


# A15: requests that no client library would send


def lines(target: str, *hosts: str, method: str = "GET", extra: str = "") -> bytes:
    sent = "".join(f"Host: {host}\r\n" for host in hosts)
    return f"{method} {target} HTTP/1.1\r\n{sent}{extra}Connection: close\r\n\r\n".encode("latin-1")


TARGETS = [
    "/app/%2e%2e/api/profile", "/app/../api/profile", "/app/assets/..%2f..%2fapi/profile", "/app/static/../../api/profile",
    "/static/../api/profile", "/static/%2e%2e/api/profile", "/login/../api/profile", "/api/health/../profile",
    "/api/health/%2e%2e/profile", "/api/health%2f..%2fprofile", "/api//profile", "//api/profile", "/%61pi/profile",
    "/api/profile%00", "/api/health;/../profile", "/api/profile;x=/api/health", "/api/profile?x=/api/health",
    "/api/profile#/api/health", "/api/health\\..\\profile", "/API/profile", "/app/gradio_api/file%3d/etc/passwd",
    "/app/%67radio_api/user", "/app/gradio_api%2fqueue%2fdata", "/app/config%3f", "/app/config/.", "/app/./config",
    "http://127.0.0.1/api/profile", "http://evil.example/api/health/../profile", "*",
]  # fmt: skip
HOSTS: list[tuple[str, ...]] = [
    ("a/b?x",), ("x\\@y",), ("127.0.0.1/api/health?",), ("127.0.0.1:80@evil.example",), ("127.0.0.1#",), ("",), (),
    ("127.0.0.1", "evil.example"), ("evil.example",), ("127.0.0.1 ",), ("[::1",), ("127.0.0.1:99999999",), ("\xe9",),
]  # fmt: skip


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize("target", TARGETS)
def test_however_a_path_is_written_nobody_gets_in(site: Site, target: str) -> None:
    """0: the connection was closed without a word. A path that says the same must be answered the same."""
    for method in ("GET", "POST", "DELETE"):
        status = status_of(site.raw(lines(target, "127.0.0.1", method=method)))
        assert status in (0, 303, 400, 401, 403, 404, 405, 422), (method, target, status)
        if status == 303:
            assert target.startswith("/app")


@pytest.mark.parametrize("hosts", HOSTS, ids=str)
def test_whatever_the_host_says_the_decision_is_the_same(site: Site, hosts: tuple[str, ...]) -> None:
    client, account = site.register()
    client.close()
    bearer = f"Authorization: Bearer {account['access_token']}\r\n"
    for target in ("/api/profile", "/app/config", "/app/"):
        assert status_of(site.raw(lines(target, *hosts))) in (0, 303, 400, 401, 403), target
    signed_in = status_of(site.raw(lines("/api/profile", *hosts, extra=bearer)))
    assert signed_in in (0, 400, 403) or hosts == ("127.0.0.1 ",), "no address of ours: refused, not rerouted"
    assert status_of(site.raw(lines("/api/profile", "127.0.0.1", extra=bearer))) == 200, "with its own address it works"


def test_a_request_with_two_lengths_smuggles_nothing(site: Site) -> None:
    inner = "GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    both = f"Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n"
    request = f"POST /api/documents HTTP/1.1\r\nHost: 127.0.0.1\r\n{both}\r\n0\r\n\r\n{inner}"
    assert status_of(site.raw(request.encode())) in (400, 401)


# A18: the guard and Gradio's dependency fail closed


class _Sessions:
    def alive_among(self, _session_ids: Any) -> set[str]:
        return set()


class _Broken(Authenticator):
    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(_Sessions(), None)  # type: ignore[arg-type]
        self._act = act

    async def authenticate(self, scope: Any) -> Any:
        return self._act()


class _Unawaited:
    """What a caller holds who forgot to await."""

    def __await__(self) -> Iterator[Any]:
        raise AssertionError


def raises() -> None:
    raise RuntimeError("db password=hunter2")


WAYS: dict[str, Callable[[], Any]] = {
    "raises": raises,
    "none": lambda: None,
    "true": lambda: True,
    "text": lambda: "dana",
    "unawaited": _Unawaited,
    "look-alike": lambda: SimpleNamespace(user_id="dana", role="admin", kind="session", session_id=None, is_admin=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_authenticator_lets_nobody_in(way: str) -> None:
    inner = FastAPI()
    reached: list[str] = []

    @inner.api_route("/{path:path}", methods=["GET", "POST"])
    async def everything(path: str) -> str:
        reached.append(path)
        return "inside"

    guard = Guard(inner, _Broken(WAYS[way]), ServerSettings())
    for method, path in (("GET", "/api/profile"), ("POST", "/api/messages"), ("GET", "/app/"), ("GET", "/app/config")):
        answer = ask(guard, method, path)
        assert answer.status_code in (303, 401, 500), (way, path)
        assert "hunter2" not in answer.text
    assert reached == []


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    made = open_accounts(tmp_path_factory.mktemp("accounts"))
    yield made
    made.db.close()


async def nobody_async(_request: Any) -> None:
    return None


async def raises_async(_request: Any) -> None:
    raises()


@pytest.mark.parametrize("dependency", [lambda _: raises(), lambda _: None, nobody_async, raises_async])
def test_gradio_by_itself_lets_nobody_in_when_its_dependency_fails(dependency: Any) -> None:
    """Without our guard before it, so that both doors are known to be shut (gradio PR #13749: async was never awaited)."""

    async def send() -> list[tuple[str, int]]:
        inner = FastAPI()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "SSR mode is not supported")
            gr.mount_gradio_app(inner, build_blocks(), path="/app", auth_dependency=dependency, ssr_mode=False)
        transport = httpx.ASGITransport(app=inner, raise_app_exceptions=False)
        statuses = []
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
            for method, path in (
                ("GET", "config"), ("GET", "gradio_api/info"), ("POST", "gradio_api/queue/join"),
                ("GET", "gradio_api/queue/data?session_hash=x"), ("POST", "gradio_api/run/count"),
                ("POST", "gradio_api/call/count"), ("POST", "gradio_api/upload"), ("GET", "gradio_api/file=x"),
            ):  # fmt: skip
                body = {"data": ["x"], "fn_index": 0, "session_hash": "x"} if method == "POST" else None
                statuses.append((path, (await client.request(method, f"/app/{path}", json=body)).status_code))
        return statuses

    statuses = asyncio.run(send())
    assert {status for _, status in statuses} <= {401, 500}, statuses
