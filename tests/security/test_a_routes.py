"""threats.md A17 and A14: every route of both applications, with every method, as nobody and as another site's page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.ui.application import PAGE_PATHS
from tests.security.routes import METHODS, Route, gradio_routes, parent_routes
from tests.security.running import Site, running

# What anybody may call, and why. A route that answers somebody who is not signed in and stands not here fails the suite.
OPEN: dict[tuple[str, str], str] = {
    ("GET", "/"): "leads to /app/ or to /login",
    ("HEAD", "/"): "as GET; FastAPI's own routes know no HEAD: 405",
    ("GET", "/login"): "the form; nothing of anybody is on it",
    ("HEAD", "/login"): "405",
    ("POST", "/login"): "signing in; throttled, its origin checked",
    ("GET", "/login/oidc/{name}"): "leads to the provider; an unknown name is told on the sign-in page",
    (
        "GET",
        "/login/oidc/{name}/callback",
    ): "the way back; worth nothing without the cookie, state and nonce of its start",
    ("GET", "/s/{secret}"): "what a share link shows; 256 random bits are the credential, openings are paced",
    ("GET", "/register"): "the form",
    ("HEAD", "/register"): "405",
    ("POST", "/register"): "opening an account; throttled, closed by auth.registration",
    ("POST", "/logout"): "ends one's own session; without one it leads to /login",
    ("GET", "/static/{name}"): "two files that ship with the program",
    ("HEAD", "/static/{name}"): "405",
    ("GET", "/favicon.ico"): "one of them",
    ("HEAD", "/favicon.ico"): "405",
    ("GET", "/api/health"): "names of parts and their state, for monitors",
    ("HEAD", "/api/health"): "as GET",
    ("POST", "/api/auth/register"): "opening an account; throttled, closed by auth.registration",
    ("POST", "/api/auth/token"): "signing in; throttled",
    ("POST", "/api/auth/refresh"): "the refresh token is the credential",
    ("POST", "/api/auth/logout"): "401 unless a refresh token comes with it",
}
PAGES = {"/app/", *(f"/app/{path}" for path in PAGE_PATHS)}  # a browser is led to the sign-in page
SHUT = {401, 404}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("routes") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def routes(site: Site) -> list[Route]:
    return [*parent_routes(site.app), *gradio_routes(site.app)]


def test_the_tables_are_read_whole(site: Site) -> None:
    """A framework that keeps its routes elsewhere one day must not make the sweeps below pass by finding nothing."""
    parent, inner = ({route.path for route in table(site.app)} for table in (parent_routes, gradio_routes))
    assert {"/", "/login", "/api/documents/{document_id}/file", "/api/openapi.json"} <= parent
    assert {"/app/", "/app/knowledge", "/app/gradio_api/queue/join", "/app/gradio_api/file={path_or_url:path}"} <= inner
    assert len(parent) >= 35
    assert len(inner) >= 60
    described = set(site.app.openapi()["paths"])
    assert described <= parent, "the description and the route table agree"


def test_nobody_meets_a_shut_door_everywhere_but_at_the_open_ones(site: Site, routes: list[Route]) -> None:
    wrong, reached = [], set()
    with site.client() as nobody:
        for route in routes:
            for method in METHODS:
                answer = nobody.request(method, route.at())
                if (method, route.path) in OPEN:
                    reached.add((method, route.path))
                elif not _is_shut(answer, route, method):
                    wrong.append((method, route.path, answer.status_code))
    assert wrong == [], "a route answers nobody without a verdict above"
    assert reached == set(OPEN), "a verdict for a route that is not there any more"


def test_an_open_door_gives_nobody_more_than_its_verdict_says(site: Site) -> None:
    with site.client() as nobody:
        statuses = {door: nobody.request(door[0], door[1].replace("{name}", "x")).status_code for door in OPEN}
    assert {door for door, status in statuses.items() if status == 200} == {
        ("GET", "/login"), ("GET", "/register"), ("GET", "/favicon.ico"), ("GET", "/api/health"), ("HEAD", "/api/health"),
    }  # fmt: skip
    assert not [door for door, status in statuses.items() if status >= 500 or status == 403]


def test_a_page_of_another_site_changes_nothing(site: Site, routes: list[Route]) -> None:
    """A14: unsafe methods with the victim's cookie, from a form, a script and an opaque origin; every route, both tables."""
    client, account = site.register()
    client.close()
    forms: list[dict[str, str]] = [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    ]  # fmt: skip
    wrong, statuses = [], set()
    with site.browser(account["email"]) as victim:
        del victim.headers["origin"]
        for route in routes:
            for method in {"POST", "PUT", "PATCH", "DELETE"} & set(route.methods):
                for headers in forms:
                    answer = victim.request(method, route.at(), headers=headers, content=b'{"session_hash": "abc"}')
                    statuses.add(answer.status_code)
                    if answer.status_code not in (403, 404) or _readable(answer):
                        wrong.append((method, route.path, headers, answer.status_code))
        assert victim.get("/api/profile").status_code == 200, "still signed in"
    assert wrong == []
    assert statuses == {403, 404}


def test_no_answer_may_be_read_by_another_site(site: Site, routes: list[Route]) -> None:
    client, account = site.register()
    client.close()
    with site.browser(account["email"]) as victim, site.client() as nobody:
        for origin in (
            "https://evil.example",
            "http://localhost:3000",
        ):  # the second: Gradio itself trusts this machine
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            for path in sorted({route.at() for route in routes if "heartbeat" not in route.path}):
                assert not _readable(victim.get(path, headers={"Origin": origin})), path
                assert not _readable(nobody.options(path, headers=asked)), path


def _is_shut(answer: httpx.Response, route: Route, method: str) -> bool:
    if answer.status_code == 303 and route.path in PAGES and method in ("GET", "HEAD"):
        return answer.headers["location"].startswith("/login?next=/app/")
    return answer.status_code in SHUT


def _readable(answer: httpx.Response) -> bool:
    return any(name.startswith("access-control-") for name in answer.headers)
