"""The program as an operator runs it, for the tests of groups D and E: a process of its own, at DEBUG, that notes every
connection it opens; and a real browser that notes everything it asks for. A pytest plugin: one process for the whole run,
and a browser for each module, because its loop stands in the way of other tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, sync_playwright

from app.config import ROOT
from tests.log_canaries import CANARIES, LIBRARIES
from tests.oidc_provider import CLIENT_ID, OIDCProvider
from tests.openai_replies import Body, default_reply
from tests.openai_server import OpenAIServer
from tests.processes import told_address

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_SECONDS, READY_SECONDS = 180, 300  # of a machine with much else to do

# Python runs this before anything else, in the server and in every child it starts: child processes get PYTHONPATH.
NOTING = """
import logging, os, sys
_out = os.open(os.path.join(os.path.dirname(__file__), "connections.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _note(event, args):
    if event in ("socket.connect", "socket.sendto"):
        os.write(_out, f"{event} {args[1]!r}\\n".encode())
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        os.write(_out, f"{event} {args[0]!r}\\n".encode())
sys.addaudithook(_note)
for _name in {libraries!r}:
    logging.getLogger(_name).setLevel(logging.DEBUG)
"""


@dataclass
class Site:
    """A running server, its language model, its OpenID provider and its folder."""

    url: str
    folder: Path
    llm: OpenAIServer
    oidc: OIDCProvider
    environment: dict[str, str]

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def register(self, email: str | None = None, password: str | None = None) -> httpx.Client:
        """A new user's client, signed in by bearer."""
        account = {"email": email or new_email(), "password": password or CANARIES["password"]}
        with self.client() as anyone:
            answer = anyone.post("/api/auth/register", json=account)
        assert answer.status_code == 201, answer.text
        return self.client(Authorization=f"Bearer {answer.json()['access_token']}")

    def answers(self, text: str, token_seconds: float = 0.0) -> None:
        """What the language model says from now on; what a question needs it still decides as ever."""

        def reply(body: Body) -> str:
            return default_reply(body) if _asks_intent(body) else text

        self.llm.script(reply=reply, token_seconds=token_seconds)

    @property
    def output(self) -> bytes:
        """All that the process wrote to its terminal."""
        return (self.folder / "serve.log").read_bytes()

    def connections(self) -> set[str]:
        file = self.folder / "noting" / "connections.txt"
        return set(file.read_text().splitlines()) if file.exists() else set()


class Trap:
    """A web server nobody should ask: another origin for every page. Use it as a context manager."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        trap = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trap.asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Witness:
    """What must not happen while pages are used: `seen` stays empty. `asked` are all addresses that were asked for."""

    origin: str
    seen: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Page:
        page.on("console", lambda said: self._see(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: self._see(f"script: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))
        page.on("popup", lambda popup: self._see(f"popup: {popup.url}"))
        return page

    def _dialog(self, dialog: Dialog) -> None:
        self._see(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str) -> None:
        self.asked.append(url)
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{self.origin}/"):
            self._see(f"foreign request: {url}")

    def _see(self, what: str) -> None:
        self.seen.append(what)


def new_email() -> str:
    name, _, host = CANARIES["e-mail"].partition("@")
    return f"{name}.{uuid.uuid4().hex[:8]}@{host}"


def note(client: httpx.Client, title: str, text: str) -> str:
    """Keep typed text as a document and wait until it is ready; its id."""
    answer = client.post("/api/documents/notes", json={"title": title, "text": text})
    assert answer.status_code == 202, answer.text
    found = settled(client, answer.json()["id"])
    assert found["status"] == "ready", found
    return str(found["id"])


def settled(client: httpx.Client, document_id: str) -> dict[str, Any]:
    """The document once it is ready or failed."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        document: dict[str, Any] = client.get(f"/api/documents/{document_id}").json()
        if document["status"] in ("ready", "failed"):
            return document
        time.sleep(0.2)
    raise AssertionError(f"not ready within {READY_SECONDS} s")


def enter(page: Page, site: Site, email: str, *, new: bool = True) -> None:
    """Register (or sign in) by the pages, up to the chat."""
    page.goto(f"{site.url}/{'register' if new else 'login'}")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(CANARIES["password"])
    page.get_by_role("button", name="Create account" if new else "Sign in", exact=True).click()
    if new:  # the guided start comes first
        page.get_by_role("link", name="Skip all").click(timeout=30_000)
    page.get_by_role("heading", name="Ask your manager").wait_for(timeout=30_000)


def of_browser(context: BrowserContext, site: Site) -> httpx.Client:
    """The REST door for whoever is signed in in this browser."""
    cookies = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    return httpx.Client(base_url=site.url, cookies=cookies, headers={"Origin": site.url}, timeout=60, trust_env=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "models").symlink_to(models_dir, target_is_directory=True)
    (folder / "noting").mkdir()
    (folder / "noting" / "sitecustomize.py").write_text(NOTING.replace("{libraries!r}", repr(LIBRARIES)))
    with OpenAIServer() as llm, OIDCProvider() as oidc, (folder / "serve.log").open("wb") as log:
        provider = f"name: corp, label: Corp, issuer: '{oidc.issuer}', client_id: {CLIENT_ID}"
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("AIM_", "OPENAI_", "QDRANT_", "DATABASE_"))}
        environment = {
            **outside,
            "AIM_DATA__DIR": str(folder),
            "AIM_LOG__LEVEL": "DEBUG",
            "AIM_LLM__MODEL": "tiny-chat",
            "AIM_LLM__RETRIES": "0",
            "AIM_LLM__BREAKER_FAILURES": "100",  # tests make it fail on purpose
            "AIM_LLM__INTENT_SECONDS": "5",
            "AIM_AUTH__PROVIDERS": f"[{{{provider}, client_secret: {CANARIES['client secret']}}}]",
            "AIM_INGESTION__POLL_SECONDS": "0.2",
            "AIM_INGESTION__MAX_BYTES": "2000000",
            "OPENAI_BASE_URL": llm.base_url,
            "OPENAI_API_KEY": CANARIES["provider key"],
            "OPENAI_LOG": "debug",
            "PYTHONPATH": str(folder / "noting"),
        }
        command = [sys.executable, "-m", "app", "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield Site(told_address(process, folder / "serve.log", START_SECONDS), folder, llm, oidc, environment)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except Error as error:
            reason = f"Chromium cannot be started from {CHROMIUM}; install it (apt-get install chromium)."
            if os.environ.get("CI"):
                pytest.fail(f"{reason} {error.message.splitlines()[0]}")
            pytest.skip(reason)
        yield opened
        opened.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    with Trap() as opened:
        yield opened


def _asks_intent(body: Body) -> bool:
    system = str(body["messages"][0].get("content", "")).lower()
    return "intent" in system and "json" in system
