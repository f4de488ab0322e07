"""A real Gradio application behind the guard: events stream, a browser is content, and what is shut stays shut."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import gradio.routes
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from app.auth.guard import Guard, gradio_user
from app.auth.pages import router
from app.config import ServerSettings
from tests.auth.support import PASSWORD, Accounts, open_accounts

CHROMIUM = Path("/usr/bin/chromium")
PAGES = ("documents",)


def build_blocks() -> Any:
    async def count(text: str, request: gr.Request) -> AsyncIterator[str]:
        for number in range(3):
            yield f"{text} {number}"
            await asyncio.sleep(0.05)
        yield f"{text} for {request.username}"

    async def wait_long() -> AsyncIterator[str]:
        for number in range(200):
            yield f"waiting {number}"
            await asyncio.sleep(0.1)

    with gr.Blocks(title="AI Manager", analytics_enabled=False) as blocks:
        asked = gr.Textbox(label="Question", elem_id="question")
        told = gr.Textbox(label="Answer", elem_id="answer")
        go, long, stop = (gr.Button(name, elem_id=name) for name in ("go", "long", "stop"))
        go.click(count, asked, told, api_visibility="private")
        running = long.click(wait_long, None, told, api_visibility="private")
        stop.click(None, None, None, cancels=[running])
    with blocks.route("Documents", "documents"):
        gr.Markdown("the documents page")
    return blocks


async def mount(inner: FastAPI) -> None:
    """Inside a running loop: without one, Gradio makes event loops that nobody closes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported")  # said although it is off
        gr.mount_gradio_app(
            inner, build_blocks(), path="/app", auth_dependency=gradio_user, run_history=False, footer_links=[],
            show_error=False, ssr_mode=False, enable_monitoring=False,
        )  # fmt: skip


class Site:
    def __init__(self, accounts: Accounts, base: str, inner: FastAPI, guard: Guard) -> None:
        self.accounts, self.base, self.inner, self.guard = accounts, base, inner, guard
        self.alice, self.bob = accounts.user("alice"), accounts.user("bob")

    def client(self, user: Any = None) -> httpx.Client:
        headers = {**self.accounts.cookie(user), "origin": self.base} if user is not None else {}
        return httpx.Client(base_url=self.base, headers=headers, timeout=20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("gradio")
    accounts = open_accounts(folder)
    inner = FastAPI()
    inner.state.services = SimpleNamespace(users=accounts.users, sessions=accounts.sessions)
    inner.include_router(router)
    asyncio.run(mount(inner))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    guard = Guard(inner, accounts.authenticator, ServerSettings(), PAGES)
    config = uvicorn.Config(guard, port=port, log_level="error", proxy_headers=False, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield Site(accounts, f"http://127.0.0.1:{port}", inner, guard)
    server.should_exit = server.force_exit = True
    thread.join(10)
    accounts.db.close()


def join(client: httpx.Client, session_hash: str, fn_index: int = 0, data: Any = ("hello",)) -> httpx.Response:
    body = {"session_hash": session_hash, "fn_index": fn_index, "data": list(data)}
    return client.post("/app/gradio_api/queue/join", json=body)


def events(client: httpx.Client, session_hash: str) -> list[dict[str, Any]]:
    """The messages of a tab's stream, up to its end."""
    heard = []
    with client.stream("GET", "/app/gradio_api/queue/data", params={"session_hash": session_hash}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                heard.append(json.loads(line.removeprefix("data: ")))
                if heard[-1]["msg"] == "close_stream":
                    break
    return heard


def test_an_event_streams_to_its_owner_and_to_nobody_else(site: Site) -> None:
    with site.client(site.alice) as alice, site.client(site.bob) as bob, site.client() as nobody:
        page = alice.get("/app/")
        assert page.status_code == 200
        assert "script-src 'self' 'unsafe-inline' 'unsafe-eval'" in page.headers["content-security-policy"]
        event_id = join(alice, "alicetab1").json()["event_id"]
        assert join(bob, "alicetab1").status_code == 403
        for way in ("/app/gradio_api/queue/data?session_hash=alicetab1", "/app/gradio_api/heartbeat/alicetab1"):
            assert bob.get(way).status_code == 403
            assert nobody.get(way).status_code == 401
        stop = {"session_hash": "alicetab1", "fn_index": 0, "event_id": event_id}
        assert bob.post("/app/gradio_api/cancel", json=stop).status_code == 403
        heard = events(alice, "alicetab1")
    final = next(message for message in heard if message["msg"] == "process_completed")
    assert final["output"]["data"] == [f"hello for {site.alice.id}"], "Gradio knows the user the guard let in"


def test_every_route_of_the_mounted_application_needs_the_guards_word(site: Site) -> None:
    """Walks Gradio's own route table, so that a route added by a new version fails here until it is looked at."""
    mounted = next(route for route in site.inner.routes if isinstance(route, Mount) and route.path == "/app")
    assert isinstance(mounted.app, gradio.routes.App)
    reached = set()
    with site.client() as nobody, site.client(site.alice) as alice:
        routes = list(iter_route_contexts(mounted.app.routes))
        assert len(routes) > 80
        for route in routes:
            path = "/app" + (route.path or "").split("{")[0]
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                assert nobody.request(method, path).status_code in (303, 401, 404), (method, path)
                if path.rstrip("/") not in ("/app/gradio_api/heartbeat", "/app") and alice.request(
                    method, path
                ).status_code not in (403, 404):
                    reached.add((method, path))
    assert reached == {
        ("GET", "/app/documents"), ("GET", "/app/config"), ("GET", "/app/theme.css"),
        ("GET", "/app/gradio_api/queue/data"), ("POST", "/app/gradio_api/queue/join"),
        ("POST", "/app/gradio_api/cancel"),
    }  # fmt: skip


def test_gradio_lets_no_other_origin_read(site: Site) -> None:
    """Gradio alone would reflect any origin, with credentials, under a public host name."""
    headers = {**site.accounts.cookie(site.alice), "host": "music.example", "origin": "https://evil.example"}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=site.guard, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://music.example") as client:
            headers["cookie"] = headers["cookie"].replace("aim_session", "__Host-aim_session")
            return await client.get("/app/config", headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.skipif(not CHROMIUM.exists() and not os.environ.get("CI"), reason="needs Chromium at /usr/bin/chromium")
def test_a_browser_signs_in_asks_stops_and_signs_out(site: Site) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        page = browser.new_page()
        failed: list[str] = []
        elsewhere: list[str] = []
        complaints: list[str] = []
        page.on("response", lambda got: failed.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("request", lambda sent: elsewhere.append(sent.url) if not _is_here(sent.url, site.base) else None)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

        page.goto(f"{site.base}/app/documents")
        page.get_by_label("E-mail").fill("alice@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("the documents page")).to_be_visible(timeout=20_000)
        assert page.url == f"{site.base}/app/documents"

        page.goto(f"{site.base}/app/")
        page.locator("#question textarea").fill("bonjour")
        page.locator("#go").click()
        expect(page.locator("#answer textarea")).to_have_value(f"bonjour for {site.alice.id}", timeout=20_000)
        assert (failed, elsewhere, complaints) == ([], [], [])

        page.locator("#long").click()
        expect(page.locator("#answer textarea")).to_have_value(re.compile(r"waiting \d"), timeout=20_000)
        page.locator("#stop").click()
        page.wait_for_timeout(1500)
        told = page.locator("#answer textarea").input_value()
        page.wait_for_timeout(500)
        assert page.locator("#answer textarea").input_value() == told, "stopped"
        assert [line for line in failed if not line.endswith("/gradio_api/reset")] == []

        page.evaluate("fetch('/logout', {method: 'POST'})")
        page.wait_for_timeout(300)
        page.goto(f"{site.base}/app/")
        assert page.url == f"{site.base}/login?next=/app/"
        browser.close()


def _is_here(url: str, base: str) -> bool:
    return url.startswith((base, "data:", "blob:"))
