"""D2 and the sweep of D7: no door of ours fetches for others, and every answer of both applications carries its headers.

The sweep walks the route tables of the REST application and of Gradio, so that a new route is swept as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import product

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from app.main import create_app
from app.services.services import Services
from tests.log_canaries import CANARIES
from tests.security.deployed import Site, Trap, new_email, note

PROXIES = (
    "/app/gradio_api/file={0}", "/app/gradio_api/file%3D{0}", "/app/gradio_api/file/{0}", "/app/file={0}", "/file={0}",
    "/gradio_api/file={0}", "/app/gradio_api/proxy={0}", "/app/proxy={0}", "/proxy={0}", "/gradio_api/proxy={0}",
    "/app/static/{0}", "/app/assets/{0}", "/app/gradio_api/stream/{0}", "/app/gradio_api/upload?url={0}",
    "/app/gradio_api/file=http:%2F%2F{1}/x", "/app/gradio_api/file=//{1}/x", "/app/gradio_api/../gradio_api/file={0}",
    "/app/%67radio_api/file={0}", "/app/gradio_api/custom_component/{0}", "/app/gradio_api/deep_link?session_hash={0}",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DIRECTIVES = {
    "own": {"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"},
    "app": {
        "default-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "object-src 'none'",
        "connect-src 'self'",
    },
}
LASTING = re.compile(r"/(static|app/(assets|static|theme\.css))|/favicon\.ico")


@pytest.fixture(scope="module")
def signed_in(site: Site) -> Iterator[httpx.Client]:
    """By cookie, as a browser is."""
    email = new_email()
    site.register(email).close()
    with site.client(Origin=site.url) as browser:
        entered = browser.post("/login", data={"email": email, "password": CANARIES["password"]})
        assert entered.status_code == 303, entered.text
        yield browser


def test_d2_no_door_fetches_for_anybody(site: Site, trap: Trap, signed_in: httpx.Client) -> None:
    before = site.connections()
    with site.client() as nobody:
        for path, method, client in product(PROXIES, ("GET", "HEAD", "POST"), (signed_in, nobody)):
            target = path.format(f"{trap.origin}/x?d=SECRET", trap.origin.removeprefix("http://"))
            answer = client.request(method, target)
            assert answer.status_code == 404, (method, target)
            assert "SECRET" not in answer.text
    assert trap.asked == []
    assert not [one for one in site.connections() - before if str(trap.origin.rpartition(":")[2]) in one]


@pytest.fixture(scope="module")
def application(services: Services) -> FastAPI:
    """For its route tables; the requests go to the running server."""

    async def make() -> FastAPI:  # in a loop: without one Gradio makes some that nobody closes
        return create_app(services.settings, services)

    return asyncio.run(make())


def paths(application: FastAPI) -> list[tuple[str, set[str]]]:
    """Every path of both applications with the methods of its route, ids filled in."""
    mounted = next(route for route in application.routes if isinstance(route, Mount) and route.path == "/app")
    found = []
    for prefix, routes in (("", application.routes), ("/app", mounted.app.routes)):  # type: ignore[attr-defined]
        for route in iter_route_contexts(routes):
            path = prefix + re.sub(r"\{[^}]*\}", "1", route.path or "")
            found.append((path, set(getattr(route, "methods", None) or {"GET"})))
    return found


def check(answer: httpx.Response) -> list[str]:
    """What is wrong with the headers of one answer."""
    path, headers = answer.request.url.path, answer.headers
    area = "app" if path.startswith("/app") and answer.status_code not in (404,) else "own"
    wrong = []
    policy = {part.strip() for part in headers.get("content-security-policy", "").split(";")}
    if not policy >= DIRECTIVES[area] and not policy >= DIRECTIVES["app" if area == "own" else "own"]:
        wrong.append("policy")
    if area == "own" and not path.startswith("/app") and not policy >= DIRECTIVES["own"]:
        wrong.append("strict policy")
    if headers.get_list("x-content-type-options") not in (["nosniff"], ["nosniff", "nosniff"]):
        wrong.append("nosniff")
    for name, value in (
        # Of a shared link the address is the secret.
        ("referrer-policy", "no-referrer" if path.startswith("/s/") else "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ):
        if headers.get(name) != value:
            wrong.append(name)
    if not re.fullmatch(r"[0-9a-f]{32}", headers.get("x-request-id", "")):
        wrong.append("request id")
    lasting = LASTING.match(path) and answer.status_code in (200, 304)
    if not lasting and headers.get("cache-control") != "no-store":
        wrong.append("cache")
    if [name for name in headers if name.startswith("access-control-allow")]:
        wrong.append("readable by others")
    if "server" in headers:
        wrong.append("names its server")
    return wrong


def test_d7_every_answer_of_both_applications_has_its_headers(
    site: Site, application: FastAPI, signed_in: httpx.Client
) -> None:
    swept, statuses, wrong = 0, set(), []
    table = paths(application)
    assert len(table) > 100
    with site.client() as nobody:
        for (path, methods), client in product(table, (nobody, signed_in)):
            if path in ("/logout", "/api/auth/logout", "/api/account") or "heartbeat" in path:
                continue  # would sign out, or stream; both are below
            for method in methods | {"GET"}:
                answer = client.request(method, path, follow_redirects=False)
                swept += 1
                statuses.add(answer.status_code)
                wrong += [f"{method} {path} {answer.status_code}: {fault}" for fault in check(answer)]
    assert wrong == []
    assert swept > 300
    assert {200, 303, 401, 404, 405, 422} <= statuses


def test_d7_streams_files_and_sign_out_too(site: Site) -> None:
    email = new_email()
    with site.register(email) as client, site.client(Origin=site.url) as browser:
        document = note(client, "Notes/ on a call", "The term of the agreement is four years.")
        answers = {
            "file": client.get(f"/api/documents/{document}/file"),
            "archive": client.get("/api/account/export"),
            "stream": client.post("/api/messages", json={"text": "What is the term of my agreement?", "stream": True}),
            "refused": client.post("/api/messages", content=b"{", headers={"content-type": "application/json"}),
            "entered": browser.post("/login", data={"email": email, "password": CANARIES["password"]}),
            "page": browser.get("/app/"),
            "out": browser.post("/logout"),
            "preflight": browser.request("OPTIONS", "/api/documents", headers={"Access-Control-Request-Method": "GET"}),
            "gone": client.delete("/api/account", params={"confirm": "true"}),
            "malformed": client.get("/login", headers={"Host": "a b"}),
            "wrong origin": browser.post("/login", headers={"Origin": "https://evil.example"}),
        }
    assert [(name, fault) for name, answer in answers.items() for fault in check(answer)] == []
    assert answers["stream"].headers["content-type"].startswith("text/event-stream")
    assert (answers["entered"].status_code, answers["out"].status_code) == (303, 303)
    assert answers["out"].headers["clear-site-data"] == '"storage"'
    for download in ("file", "archive"):
        assert answers[download].headers["content-disposition"].startswith("attachment;"), download
        assert "script" not in answers[download].headers["content-type"]
    cookie = answers["entered"].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
