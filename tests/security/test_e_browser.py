"""E4 and E7 in a real browser and at the sockets of the running server: nothing is asked of anybody but the configured
provider, and a browser that signed out keeps no word."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.log_canaries import CANARIES, kinds_in
from tests.security.deployed import Site, Witness, enter, new_email, note, of_browser

QUESTION = f"What is the term of my {CANARIES['question']} agreement?"
TEXT = f"The term of the {CANARIES['document text']} agreement is seven years."
# All that a page can keep in a browser, as one text.
KEPT = """async () => {
  const kept = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie, name, location.href];
  for (const { name } of await indexedDB.databases()) {
    kept.push(name);
    const base = await new Promise((done) => { const open = indexedDB.open(name); open.onsuccess = () => done(open.result); });
    for (const store of base.objectStoreNames) {
      const all = base.transaction(store).objectStore(store).getAll();
      kept.push(JSON.stringify(await new Promise((done) => { all.onsuccess = () => done(all.result); })));
    }
    base.close();
  }
  for (const key of await caches.keys()) {
    kept.push(key);
    const cache = await caches.open(key);
    for (const request of await cache.keys()) kept.push(request.url, await (await cache.match(request)).text());
  }
  return kept;
}"""


def main_job(page: Page, site: Site, context: BrowserContext, email: str) -> None:
    """Register, add a document, ask, look at the source and at the documents."""
    enter(page, site, email)
    with of_browser(context, site) as client:
        note(client, CANARIES["title"], TEXT)
    site.answers(f"It says {CANARIES['answer']} [P1].")
    page.get_by_role("textbox", name="Your question").fill(QUESTION)
    page.get_by_role("textbox", name="Your question").press("Enter")
    expect(page.get_by_role("log")).to_contain_text(CANARIES["answer"], timeout=60_000)
    page.locator("#chat details.source summary").first.click()
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(300)
    page.get_by_role("link", name="Knowledge").click()
    expect(page.locator("#own")).to_contain_text(CANARIES["title"], timeout=30_000)


def test_e4_e7_a_main_job_asks_nobody_else_and_leaves_nothing_behind(site: Site, chromium: Browser) -> None:
    context, witness = chromium.new_context(), Witness(site.url)
    page, email = witness.watch(context.new_page()), new_email()
    stored: list[str] = []
    page.on(
        "response", lambda answer: stored.append(answer.url) if _lasting_private(answer.headers, answer.url) else None
    )
    main_job(page, site, context, email)
    session = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "aim_session")
    during = "\n".join(page.evaluate(KEPT))
    page.goto(f"{site.url}/app/")
    expect(page.get_by_role("log")).to_contain_text(CANARIES["answer"], timeout=30_000)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    after = "\n".join(page.evaluate(KEPT))
    for kept in (during, after):
        assert kinds_in(kept.encode()) == []
        assert session not in kept
    assert context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=15_000)
    assert CANARIES["answer"] not in page.content()
    assert stored == []
    assert witness.seen == []
    site.llm.script()
    with site.client() as thief:  # what the browser held opens nothing any more
        assert thief.get("/api/documents", headers={"Cookie": f"aim_session={session}"}).status_code == 401

    # E4: the browser spoke to us alone, the server to its two configured providers alone.
    assert {urlsplit(url).netloc for url in witness.asked if not url.startswith(("data:", "blob:"))} == {
        urlsplit(site.url).netloc
    }
    assert outbound(site) == []


def _lasting_private(headers: dict[str, str], url: str) -> bool:
    """Whether a browser may keep an answer that is no file of the program itself."""
    public = re.match(r"/(static/|favicon|app/(assets|static)/|app/theme\.css)", urlsplit(url).path)
    return urlsplit(url).scheme == "http" and not public and headers.get("cache-control") != "no-store"


def outbound(site: Site) -> list[str]:
    """Connections and look-ups of the server and all its children to anybody but the language model and the provider."""
    issuer = urlsplit(site.oidc.issuer).port
    allowed = {f"socket.connect ('127.0.0.1', {port})" for port in (site.llm.port, issuer)}
    allowed |= {"socket.getaddrinfo '127.0.0.1'", "socket.getaddrinfo b'127.0.0.1'", "socket.getaddrinfo None"}
    return sorted(site.connections() - allowed)


def test_e4_the_sockets_are_noted_at_all(site: Site) -> None:
    """The guard of this file sees what the server does: its language model is among the noted."""
    with site.register() as client:
        client.post("/api/messages", json={"text": "Hello, how are you?"})
    assert f"socket.connect ('127.0.0.1', {site.llm.port})" in site.connections()
    assert outbound(site) == []


@pytest.mark.parametrize("path", ["/app/", "/app/knowledge", "/api/conversations", "/api/profile", "/login"])
def test_e7_nothing_private_may_be_kept_by_a_browser(site: Site, path: str) -> None:
    with site.register() as client:
        answer: httpx.Response = client.get(path)
    assert answer.headers["cache-control"] == "no-store"
