"""The guard around a small application that answers everything: what gets through, what every answer carries."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from app.auth.guard import Guard, gradio_user
from app.auth.paths import Doors
from app.config import ServerSettings
from app.errors import Conflict
from app.log import request_id
from tests.auth.support import HERE, Accounts, ask

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PAGES = ("documents",)

# The checked-in allow-lists: a new open door must be written here too (threats.md, A17).
OPEN = {
    ("GET", "/"), ("GET", "/login"), ("POST", "/login"), ("GET", "/register"), ("POST", "/register"),
    ("POST", "/logout"), ("GET", "/favicon.ico"), ("GET", "/static/auth.css"),
    ("GET", f"/s/{'x' * 43}"), ("GET", "/login/oidc/corp"), ("GET", "/login/oidc/corp/callback"),
    ("GET", "/api/health"), ("GET", "/api/health/"),
    ("POST", "/api/auth/register"), ("POST", "/api/auth/token"), ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/logout"), ("POST", "/api/auth/token/"),
}  # fmt: skip
GRADIO = {
    ("GET", "/app"), ("GET", "/app/"), ("GET", "/app/documents"), ("GET", "/app/theme.css"), ("GET", "/app/config"),
    ("GET", "/app/static/fonts/Inter/Inter.woff2"), ("GET", "/app/assets/index-DphvyggB.js"),
    ("POST", "/app/gradio_api/queue/join"), ("GET", "/app/gradio_api/queue/data"), ("POST", "/app/gradio_api/cancel"),
    ("GET", "/app/gradio_api/heartbeat/abc123"),
}  # fmt: skip
SHUT = [
    "/app/gradio_api/run/ask", "/app/gradio_api/api/ask", "/app/gradio_api/call/ask", "/app/gradio_api/call/v2/ask",
    "/app/gradio_api/call/ask/e1", "/app/gradio_api/upload", "/app/gradio_api/upload_progress",
    "/app/gradio_api/file=/etc/passwd", "/app/gradio_api/file=http://127.0.0.1:9/", "/app/gradio_api/file/etc/passwd",
    "/app/gradio_api/proxy=http://127.0.0.1:9/", "/app/gradio_api/info", "/app/gradio_api/openapi.json",
    "/app/gradio_api/user", "/app/gradio_api/token", "/app/gradio_api/app_id", "/app/gradio_api/reset",
    "/app/gradio_api/startup-events", "/app/gradio_api/login_check", "/app/gradio_api/component_server",
    "/app/gradio_api/deep_link", "/app/gradio_api/stream/e1", "/app/gradio_api/stream/s/r/1/playlist.m3u8",
    "/app/gradio_api/custom_component/1/client/x/y.js", "/app/gradio_api/process_recording", "/app/gradio_api/runs",
    "/app/gradio_api/run-history/records", "/app/gradio_api/vibe-edit", "/app/gradio_api/vibe-code",
    "/app/gradio_api/dev/reload", "/app/gradio_api/profiling/traces", "/app/gradio_api/queue",
    "/app/gradio_api/queue/x",
    "/app/gradio_api/heartbeat/", "/app/gradio_api/heartbeat/a/b", "/app/gradio_api/theme.css", "/app/monitoring",
    "/app/monitoring/summary", "/app/login", "/app/logout", "/app/svelte/x.js", "/app/robots.txt", "/app/pwa_icon",
    "/app/manifest.json", "/app/favicon.ico", "/app/openapi.json", "/app/docs", "/app/documents/", "/app/other",
    "/app/config/", "/app/static/", "/app/static/../config", "/app/assets/%2e%2e/config", "/app/static/file=x",
    "/app/./config",
    "/app//config",
    "/app/?deep_link=x", "/app/config?deep_link=x", "/app/?deep%5Flink=x", "/app/\\x", "/app/%00",
    "/APP/config", "/application",
    "/docs", "/redoc", "/openapi.json", "/metrics", "/static/../x", "/api", "/apis/x", "//app/",
    "/login/", "/%2e%2e/api/documents",
    "/s", "/s/", "/s/x/y", f"/s/{'x' * 129}", "/s/%00",
    "/login/oidc", "/login/oidc/", "/login/oidc/corp/", "/login/oidc/Corp", "/login/oidc/corp/callback/",
    "/login/oidc/corp/other", "/login/oidc/corp/callback/other", "/login/oidc/%2e%2e/callback",
]  # fmt: skip


def build(accounts: Accounts, **server: Any) -> Guard:
    inner = FastAPI()

    @inner.get("/api/boom")
    def boom() -> None:
        raise RuntimeError("db password=hunter2")

    @inner.get("/api/conflict")
    def conflict() -> None:
        raise Conflict("Somebody else was faster.")

    @inner.get("/api/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"one", b"two"]), media_type="text/event-stream")

    @inner.get("/api/files/1")
    def file() -> PlainTextResponse:
        return PlainTextResponse("x", headers={"Cache-Control": "private, max-age=60", "X-Request-ID": "inner"})

    @inner.api_route("/{path:path}", methods=[*METHODS, "HEAD"])
    async def everything(request: Request) -> JSONResponse:
        principal = request.state.principal
        return JSONResponse(
            {
                "user": principal.user_id if principal else None,
                "gradio": gradio_user(request),
                "id": request_id.get(),
                "state_id": request.state.request_id,
                "scheme": request.url.scheme,
                "client": request.client.host if request.client else None,
                "forwarded": [name for name in request.headers if "forwarded" in name],
                "body": (await request.body()).decode()[:100],
            },
            headers={"Access-Control-Allow-Origin": "https://evil.example", "Access-Control-Allow-Credentials": "true"},
        )

    return Guard(inner, accounts.authenticator, ServerSettings(**server), PAGES)


@pytest.fixture
def guard(accounts: Accounts) -> Guard:
    return build(accounts)


def options(method: str, path: str) -> dict[str, Any]:
    """What a well-formed request to this path carries."""
    if method == "POST" and path.startswith("/app"):
        return {"json": {"session_hash": "abc123", "data": [], "fn_index": 0}}
    return {"params": {"session_hash": "abc123"}} if path.endswith("/queue/data") else {}


# Who gets through


def test_anonymous_requests_reach_the_open_doors_only(guard: Guard) -> None:
    everywhere = {path for _, path in OPEN | GRADIO} | {"/api/documents", "/api/documents/1/file", "/api/auth/password"}
    reached = {
        (method, path)
        for path in everywhere
        for method in METHODS
        if ask(guard, method, path, **options(method, path)).status_code == 200
    }
    assert reached == OPEN


def test_a_signed_in_user_reaches_api_and_the_listed_parts_of_gradio(guard: Guard, accounts: Accounts) -> None:
    headers = accounts.bearer(accounts.user("dana"))
    paths = {path for _, path in GRADIO}
    reached = {
        (method, path)
        for path in paths
        for method in METHODS
        if ask(guard, method, path, headers=headers, **options(method, path)).status_code == 200
    }
    led_on = {("GET", "/app"), ("POST", "/app/gradio_api/cancel")}  # the latter needs an event of one's own
    assert reached == GRADIO - led_on
    assert ask(guard, "DELETE", "/api/documents/1", headers=headers).json()["user"]


@pytest.mark.parametrize("signed_in", [False, True])
def test_everything_else_is_404_for_everybody(guard: Guard, accounts: Accounts, signed_in: bool) -> None:
    headers = accounts.bearer(accounts.user("dana", "admin")) if signed_in else {}
    for path in SHUT:
        for method in METHODS:
            answer = asyncio.run(raw(guard, method, path, headers))
            assert answer[0]["status"] == 404, (method, path)


async def raw(guard: Guard, method: str, target: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Send `target` as it is, the way uvicorn does: a client library would tidy the path."""
    from urllib.parse import unquote

    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:7860"), *((k.encode(), v.encode()) for k, v in headers.items())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 7860),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    await guard(scope, receive, send)
    return sent


def test_page_names_come_from_the_application() -> None:
    assert Doors().find("GET", "/app/documents") is None
    assert Doors(["", "documents"]).find("GET", "/app/documents") is not None


# What refusals look like


def test_a_refusal_is_json_with_code_sentence_and_request_id(guard: Guard) -> None:
    answer = ask(guard, "GET", "/api/documents")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "error": "unauthorized",
        "detail": "Sign in first.",
        "request_id": answer.headers["x-request-id"],
    }
    assert ask(guard, "GET", "/nowhere").json()["error"] == "not_found"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/app", "/login?next=/app"),
        ("/app/", "/login?next=/app/"),
        ("/app/documents", "/login?next=/app/documents"),
        ("/app/?c=12&x=a%20b", "/login?next=/app/%3Fc%3D12%26x%3Da%2520b"),
    ],
)
def test_a_browser_without_a_session_is_led_to_sign_in(guard: Guard, path: str, location: str) -> None:
    answer = ask(guard, "GET", path)
    assert (answer.status_code, answer.headers["location"]) == (303, location)


def test_the_bare_address_leads_to_the_first_page(guard: Guard, accounts: Accounts) -> None:
    cookie = accounts.cookie(accounts.user("dana"))
    for path, location in (("/app", "/app/"), ("/app?c=12&x=a%20b", "/app/?c=12&x=a%20b")):
        answer = ask(guard, "GET", path, headers=cookie)
        assert (answer.status_code, answer.headers["location"]) == (303, location)


def test_a_bad_bearer_is_401_on_pages_too(guard: Guard) -> None:
    assert ask(guard, "GET", "/app/", headers={"authorization": "Bearer x"}).status_code == 401


def test_the_principal_reaches_routes_and_gradio(guard: Guard, accounts: Accounts) -> None:
    user = accounts.user("dana")
    for headers in (accounts.cookie(user), accounts.bearer(user)):
        body = ask(guard, "GET", "/api/me", headers=headers).json()
        assert body["user"] == body["gradio"] == user.id
    assert ask(guard, "GET", "/login").json()["gradio"] is None


def test_gradio_user_is_nobody_without_the_guard() -> None:
    assert gradio_user(Request({"type": "http", "headers": []})) is None
    assert gradio_user(Request({"type": "http", "headers": [], "state": {"principal": "dana"}})) is None


# The request id


def test_the_request_id_is_ours_and_reaches_the_log(guard: Guard, accounts: Accounts) -> None:
    headers = {**accounts.bearer(accounts.user("dana")), "x-request-id": "forged"}
    first, second = (ask(guard, "GET", "/api/me", headers=headers) for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] == first.json()["id"] == first.json()["state_id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert ask(guard, "GET", "/api/files/1", headers=headers).headers.get_list("x-request-id") != ["inner"]


def test_the_request_id_is_given_back_after_the_request(guard: Guard) -> None:
    async def one_request() -> str:
        await raw(guard, "GET", "/api/health", {})
        return request_id.get()

    assert asyncio.run(one_request()) == "-"


# Headers


def test_own_pages_and_api_carry_the_strict_policy(guard: Guard, accounts: Accounts) -> None:
    headers = accounts.bearer(accounts.user("dana"))
    for path in ("/login", "/api/me", "/api/health", "/nowhere", "/api/conflict"):
        answer = ask(guard, "GET", path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


def test_gradio_carries_the_policy_it_can_live_with(guard: Guard, accounts: Accounts) -> None:
    answer = ask(guard, "GET", "/app/", headers=accounts.bearer(accounts.user("dana")))
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self' 'unsafe-inline' 'unsafe-eval'" in policy
    assert "img-src 'self' data: blob:" in policy
    assert "connect-src 'self';" in policy
    assert "base-uri 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_only_static_files_are_kept_by_browsers(guard: Guard, accounts: Accounts) -> None:
    headers = accounts.bearer(accounts.user("dana"))

    def kept(path: str) -> str:
        return ask(guard, "GET", path, headers=headers).headers["cache-control"]

    assert "immutable" in kept("/app/assets/index-DphvyggB.js")
    assert kept("/app/static/x.js") == "private, max-age=3600"
    assert kept("/static/auth.css") == "public, max-age=3600"
    assert kept("/api/files/1") == "private, max-age=60", "a route may say otherwise"
    assert kept("/app/config") == "no-store"
    assert ask(guard, "GET", "/app/assets/index-DphvyggB.js").headers["cache-control"] == "no-store", (
        "a refusal is not kept"
    )


def test_no_other_origin_may_read_unless_listed(accounts: Accounts) -> None:
    headers = {**accounts.bearer(accounts.user("dana")), "origin": "https://evil.example"}
    answer = ask(build(accounts), "GET", "/api/me", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    listed = {**headers, "origin": "https://studio.example"}
    answer = ask(build(accounts, cors_origins=("https://studio.example",)), "GET", "/api/me", headers=listed)
    assert answer.headers.get_list("access-control-allow-origin") == ["https://studio.example"]
    assert "access-control-allow-credentials" not in answer.headers, "bearer tokens only"
    assert "Origin" in answer.headers["vary"]


def test_a_listed_origin_is_told_what_it_may_send(accounts: Accounts) -> None:
    asked = {"origin": "https://studio.example", "access-control-request-method": "POST"}
    guard = build(accounts, cors_origins=("https://studio.example",))
    answer = ask(guard, "OPTIONS", "/api/search", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://studio.example"
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type, Idempotency-Key"
    assert "access-control-allow-credentials" not in answer.headers
    assert ask(guard, "OPTIONS", "/api/search", headers={**asked, "origin": "https://evil.example"}).status_code == 401
    assert ask(guard, "OPTIONS", "/app/gradio_api/queue/join", headers=asked).status_code == 404


# Failures and streams


def test_an_escaping_error_becomes_one_sentence(guard: Guard, accounts: Accounts) -> None:
    headers = accounts.bearer(accounts.user("dana"))
    answer = ask(guard, "GET", "/api/boom", headers=headers)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text

    async def escape(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("db password=hunter2")

    bare = Guard(escape, accounts.authenticator, ServerSettings())
    answer = ask(bare, "GET", "/api/me", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "hunter2" not in answer.text
    assert answer.headers["content-security-policy"]


def test_a_stream_passes_message_by_message(accounts: Accounts) -> None:
    sent: list[str] = []

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            sent.append(f"after {part.decode()}: {len(received)}")
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(inner, accounts.authenticator, ServerSettings())
    received: list[Any] = []

    async def run() -> None:
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "path": "/api/health", "query_string": b"",
            "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
        }  # fmt: skip

        async def send(message: Any) -> None:
            received.append(message)

        await guard(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(run())
    assert sent == ["after one: 2", "after two: 3"]


def test_websockets_are_closed_and_the_lifespan_passes(accounts: Accounts) -> None:
    seen: list[str] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(inner, accounts.authenticator, ServerSettings())
    asyncio.run(guard({"type": "websocket", "path": "/app/"}, receive, send))
    asyncio.run(guard({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert seen == ["lifespan"]


@pytest.mark.parametrize("path", ["/login", "/register", "/api/auth/token"])
def test_a_megabyte_for_the_sign_in_is_refused(guard: Guard, path: str) -> None:
    assert ask(guard, "POST", path, content=b"x" * 1_000_000).status_code == 413
    assert ask(guard, "POST", path, content=b"x" * 100).json()["body"] == "x" * 100


# Origins, plain HTTP and forwarded requests


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": HERE}, 200),
        ({"origin": "HTTP://127.0.0.1:7860"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "https://127.0.0.1:7860"}, 403),
        ({"origin": "http://127.0.0.1:7860.evil.example"}, 403),
        ({"origin": ""}, 403),
        ({}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, 403),
    ],
)
def test_unsafe_requests_with_a_cookie_come_from_here(
    guard: Guard, accounts: Accounts, headers: dict[str, str], status: int
) -> None:
    cookie = accounts.cookie(accounts.user("dana"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = ask(guard, method, "/api/documents", headers={**cookie, **headers})
        assert answer.status_code == status
        if status == 403:
            assert answer.json()["error"] == "wrong_origin"


def test_bearer_requests_and_reading_are_exempt(guard: Guard, accounts: Accounts) -> None:
    user = accounts.user("dana")
    evil = {"origin": "https://evil.example"}
    assert ask(guard, "POST", "/api/documents", headers={**accounts.bearer(user), **evil}).status_code == 200
    assert ask(guard, "GET", "/api/documents", headers={**accounts.cookie(user), **evil}).status_code == 200
    assert ask(guard, "POST", "/api/auth/token").status_code == 200, "no cookie, no browser"


def test_another_site_cannot_sign_a_browser_in(guard: Guard) -> None:
    answer = ask(guard, "POST", "/login", headers={"origin": "https://evil.example"}, data={"email": "x"})
    assert answer.status_code == 403


def test_a_bad_bearer_does_not_lift_the_origin_check(guard: Guard) -> None:
    headers = {"authorization": "Bearer x", "origin": "https://evil.example", "cookie": "aim_session=x"}
    assert ask(guard, "POST", "/logout", headers=headers).status_code == 403


def test_the_public_address_and_listed_origins_count_as_here(accounts: Accounts) -> None:
    guard = build(accounts, public_url="https://music.example/", cors_origins=("https://studio.example",))
    cookie = accounts.cookie(accounts.user("dana"))
    for origin in ("https://music.example", "https://music.example:443", "https://studio.example"):
        assert ask(guard, "POST", "/api/x", headers={**cookie, "origin": origin}).status_code == 200
    assert ask(guard, "POST", "/api/x", headers={**cookie, "origin": "http://music.example"}).status_code == 403


@pytest.mark.parametrize(
    ("client", "base", "server", "status"),
    [
        ("127.0.0.1", "http://localhost:7860", {}, 200),
        ("127.0.0.1", "http://127.0.0.2", {}, 200),
        ("::1", "http://[::1]:7860", {}, 200),
        ("127.0.0.1", "http://evil.example", {}, 403),  # DNS rebinding
        ("127.0.0.1", "http://192.168.1.5:7860", {}, 403),
        ("192.168.1.7", "http://192.168.1.5:7860", {}, 403),
        ("192.168.1.7", "http://127.0.0.1:7860", {}, 403),
        ("192.168.1.7", "http://192.168.1.5:7860", {"allow_local_network": True}, 200),
        ("192.168.1.7", "http://studio:7860", {"allow_local_network": True}, 200),
        ("192.168.1.7", "http://studio.local", {"allow_local_network": True}, 200),
        ("fe80::1%eth0", "http://studio.local", {"allow_local_network": True}, 200),
        ("127.0.0.1", "http://192.168.1.5:7860", {"allow_local_network": True}, 200),
        ("192.168.1.7", "http://evil.example", {"allow_local_network": True}, 403),
        ("192.168.1.7", "http://m.example", {"allow_local_network": True, "public_url": "http://m.example"}, 200),
        ("8.8.8.8", "http://192.168.1.5:7860", {"allow_local_network": True}, 403),
        ("testclient", "http://127.0.0.1", {"allow_local_network": True}, 403),
        ("8.8.8.8", "https://music.example", {}, 200),
    ],
)
def test_plain_http_stays_on_this_machine_unless_allowed(
    accounts: Accounts, client: str, base: str, server: dict[str, Any], status: int
) -> None:
    answer = ask(build(accounts, **server), "GET", "/api/health", client=client, base=base)
    assert answer.status_code == status
    if status == 403:
        assert "over HTTPS only" in answer.json()["detail"]


@pytest.mark.parametrize(
    "hosts",
    [[], ["a/b?x"], ["x\\@y"], ["a b"], ["evil@127.0.0.1"], ["127.0.0.1:x"], ["127.0.0.1", "evil.example"], [""]],
)
def test_a_malformed_host_changes_nothing_but_the_answer(accounts: Accounts, hosts: list[str]) -> None:
    guard = build(accounts)
    scope = {
        "type": "http", "method": "GET", "scheme": "http", "path": "/api/health", "query_string": b"",
        "headers": [(b"host", host.encode()) for host in hosts], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 400


def test_a_proxy_is_believed_only_when_configured(accounts: Accounts) -> None:
    forwarded = {
        "x-forwarded-proto": "https", "x-forwarded-for": "6.6.6.6, 203.0.113.9", "x-forwarded-host": "evil.example",
        "forwarded": "for=6.6.6.6",
    }  # fmt: skip
    plain = ask(build(accounts), "GET", "/api/health", headers=forwarded)
    assert (plain.json()["scheme"], plain.json()["client"], plain.json()["forwarded"]) == ("http", "127.0.0.1", [])
    assert "strict-transport-security" not in plain.headers
    assert ask(build(accounts), "GET", "/api/health", headers=forwarded, base="http://music.example").status_code == 403

    proxied = build(accounts, behind_proxy=True)
    answer = ask(proxied, "GET", "/api/health", headers=forwarded, base="http://music.example", client="10.0.0.2")
    assert (answer.json()["scheme"], answer.json()["client"]) == ("https", "203.0.113.9"), "the proxy's own entry"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    unencrypted = {**forwarded, "x-forwarded-proto": "http"}
    assert ask(proxied, "GET", "/api/health", headers=unencrypted, base="http://music.example").status_code == 403
    outside = ask(proxied, "GET", "/api/health", headers=forwarded, base="http://music.example", client="8.8.8.8")
    assert outside.status_code == 403, "no proxy of ours stands on the internet"


def test_a_tunnel_on_this_machine_counts_as_its_public_address(accounts: Accounts) -> None:
    guard = build(accounts, public_url="https://abc.gradio.example")
    answer = ask(guard, "GET", "/api/health", base="http://abc.gradio.example")
    assert answer.json()["scheme"] == "https"
    assert ask(guard, "GET", "/api/health", base="http://other.example").status_code == 403
    outside = ask(guard, "GET", "/api/health", base="http://abc.gradio.example", client="203.0.113.9")
    assert outside.status_code == 403


def test_a_share_link_opened_after_the_start_counts_too(accounts: Accounts) -> None:
    app = FastAPI()
    app.add_middleware(Guard, authenticator=accounts.authenticator, server=ServerSettings())

    @app.get("/api/health")
    def health(request: Request) -> str:
        return request.url.scheme

    assert ask(app, "GET", "/api/health", base="http://abc.gradio.example").status_code == 403
    app.state.public_url = "https://abc.gradio.example"
    assert ask(app, "GET", "/api/health", base="http://abc.gradio.example").json() == "https"


def test_https_uses_the_host_cookie_and_origin(accounts: Accounts) -> None:
    secret = accounts.cookie(accounts.user("dana"))["cookie"].removeprefix("aim_session=")
    headers = {"cookie": f"__Host-aim_session={secret}", "origin": "https://music.example"}
    assert ask(build(accounts), "POST", "/api/x", headers=headers, base="https://music.example").status_code == 200
    headers["origin"] = "http://music.example"
    assert ask(build(accounts), "POST", "/api/x", headers=headers, base="https://music.example").status_code == 403
