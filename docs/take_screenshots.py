"""Pictures of every page at two sizes, of an application of its own with our own documents and the test language model.

python -m docs.take_screenshots               all of them into docs/screenshots/
python -m docs.take_screenshots chat admin    those whose names begin so; --folder puts them elsewhere
"""

from __future__ import annotations

import argparse
import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from app.config import SEED_DIR, load_settings
from app.indexes.model_files import exported_folder
from app.models import User
from app.principal import local_operator
from app.services.profiles import ProfileShape
from app.services.seed import load_seed
from docs.screens_of_guidance import details, exports, fill_guidance, plans, writing
from tests.api.conftest import PASSWORD, Api
from tests.documents import make_contract_pdf
from tests.openai_replies import LABEL, Body, default_reply
from tests.security.served import served
from tests.ui.chromium import DESKTOP, PHONE, Witness, open_browser, visit

FOLDER = Path(__file__).parent / "screenshots"
SIZES = {"desktop": DESKTOP, "phone": PHONE}
COLOURS = 128  # of a picture's palette: calm pages need no more
QUESTION = "What commission does my manager take on live income, and is that usual?"
# What a model would write of the papers, but for one place of its own making.
BIO = (
    "Night Ferry sings of night buses, first flats and the sea in winter, with a quiet voice and a loud guitar. The sound sits "
    "between indie folk and slow electronic music. Two self-released EPs and 61 concerts in the last twelve months lead to a first "
    "album of ten songs, planned for spring 2027 and first played at the Paradiso."
)
LOADED = 20_000  # ms
SETTLED_MS = 700  # transitions, and the last thing a page asks for

PROFILE = ProfileShape(
    role="independent artist", artist_name="Night Ferry", genres="indie folk", stage="first releases out",
    goals="A first album, and twenty concerts that pay for themselves.", audience="Students and night owls in three cities.",
)  # fmt: skip
SAMPLES = Path(__file__).parents[1] / "app" / "samples"
BROKEN: list[FilePayload] = [
    {"name": "Tour poster.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"},
    {"name": "Letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 broken"},
]
PAPERS = ("royalty-statement.csv", "artist-bio.md", "lyrics.txt")


def answer(body: Body) -> str:
    """What a careful model would say of the contract and the guide, with the labels that the prompt gives them."""
    prompt = str(body["messages"][-1]["content"])
    if "Short bio:" in prompt:
        return BIO
    places = [*LABEL.finditer(prompt)]
    passages = {
        one.group(1): prompt[one.end() : following.start() if following else None]
        for one, following in zip(places, [*places[1:], None], strict=False)
    }
    mine = next((name for name, text in passages.items() if "seventeen and a half" in text), None)
    usual = next((name for name, text in passages.items() if name[0] == "G" and "commission" in text), None)
    if not body.get("stream") or mine is None:
        return default_reply(body)
    industry = (
        f"\n\nThat is within what is usual: managers customarily take **15 to 20 %**, and on live income often of the net, "
        f"because a share of the gross can exceed the whole profit of a small tour [{usual}]."
    )
    return (
        f"On live performance your manager takes **15 % of net income**, after the costs of production, travel and agents. "
        f"On recording and publishing it is 17.5 % of gross income [{mine}].{industry if usual else ''}"
    )


@dataclass(frozen=True)
class Studio:
    """Where the pictures are taken."""

    browser: Browser
    site: Api
    folder: Path
    wanted: tuple[str, ...]
    newcomer: User
    artist: User
    admin: User

    @contextmanager
    def page(self, size: str, user: User | None, path: str) -> Iterator[Page]:
        """A browser of its own at `path`, signed in as `user`, or nobody."""
        if user is None:
            width, height = SIZES[size]
            context = self.browser.new_context(viewport={"width": width, "height": height})
            page, witness = context.new_page(), Witness(self.site.url)
            witness.watch(page)
        else:
            context, visitor = visit(self.browser, self.site, user, SIZES[size])
            page, witness = visitor.page, visitor.witness
        page.goto(f"{self.site.url}/{path}")
        if user is not None:
            expect(page.locator("#header .bar")).to_be_visible(timeout=LOADED)
        yield page
        for said in witness.seen:
            print(f"    {path or 'chat'} at {size}: {said}")
        context.close()

    def take(self, page: Page, name: str, size: str) -> None:
        if self.wanted and not name.startswith(self.wanted):
            return
        page.wait_for_timeout(SETTLED_MS)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            print(f"    {name} at {size} scrolls sideways")
        file = self.folder / f"{name}-{size}.png"
        with Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))) as picture:
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        print(f"{file.name}: {file.stat().st_size // 1000} kB")


def doors(studio: Studio, size: str) -> None:
    with studio.page(size, None, "login") as page:
        studio.take(page, "sign-in", size)
        page.get_by_label("E-mail").fill("nobody@example.com")
        page.get_by_label("Password", exact=True).fill("not this one at all")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert").first).to_be_visible()
        studio.take(page, "sign-in-error", size)
    with studio.page(size, None, "register") as page:
        page.get_by_label("E-mail").fill("artist@example.com")
        page.get_by_label("Password", exact=True).fill("four words of mine")
        studio.take(page, "registration", size)


def welcome(studio: Studio, size: str) -> None:
    with studio.page(size, studio.newcomer, "app/welcome") as page:
        skip = page.get_by_role("button", name="Skip", exact=True)
        for name in ("role", "name", "stage", "goals", "audience", "samples"):
            expect(page.locator("#welcome-form .screen:not([hidden]) h1")).to_be_visible(timeout=LOADED)
            studio.take(page, f"welcome-{name}", size)
            if name != "samples":
                skip.click()


def chat(studio: Studio, size: str) -> None:
    with studio.page(size, studio.newcomer, "app/") as page:
        expect(page.get_by_role("region", name="First steps")).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-empty", size)
        if size == "phone":
            page.get_by_role("button", name="Menu").click()
            studio.take(page, "menu", size)
    with studio.page(size, studio.artist, "app/") as page:
        expect(page.locator("#starters .ask").first).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-new", size)
        ask(page, QUESTION)
        expect(page.locator("#chat .act.copy").last).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-answer", size)
        for source in page.locator("#chat details.source").all()[:1]:
            source.locator("summary").click()
        page.locator("#chat .sources").last.scroll_into_view_if_needed()
        page.locator("#chat .sources .group").first.evaluate("one => one.scrollIntoView({block: 'start'})")
        studio.take(page, "chat-sources", size)
        page.locator("#chat .open-page").first.click()
        expect(page.locator("dialog.viewer img")).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-page-viewer", size)
        page.keyboard.press("Escape")
        why = page.locator("#chat details.why summary").first
        why.click()
        why.evaluate("one => one.scrollIntoView({block: 'start'})")
        studio.take(page, "chat-why", size)
        page.get_by_role("button", name="Choose documents").click()
        expect(page.get_by_label("Management agreement")).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-limit", size)
        page.keyboard.press("Escape")
        if size == "phone":
            page.get_by_role("button", name="Toggle Sidebar").click()
            studio.take(page, "chat-conversations", size)
    with studio.page(size, studio.artist, "app/") as page:
        studio.site.llm.script(answer, die_after=12)
        ask(page, "How is commission on live shows reckoned in my agreement?")
        expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=LOADED)
        studio.take(page, "chat-error", size)
        studio.site.llm.script(answer)


def ask(page: Page, text: str) -> None:
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=LOADED)
    box = page.get_by_role("textbox", name="Your question")
    box.fill(text)
    box.press("Enter")


def knowledge(studio: Studio, size: str) -> None:
    for name, user in (("knowledge-empty", studio.newcomer), ("knowledge", studio.artist)):
        with studio.page(size, user, "app/knowledge") as page:
            expect(page.locator(".library:not([aria-busy])")).to_have_count(2, timeout=LOADED)
            studio.take(page, name, size)
            if user is studio.artist:
                page.locator("input[type=file]").first.set_input_files(BROKEN)
                expect(page.locator("#own li.document", has_text="Letter")).to_contain_text(
                    re.compile("could not|cannot|damaged|not be", re.I), timeout=LOADED
                )
                studio.take(page, "knowledge-error", size)
                remove_broken(studio)
                page.locator("#industry").scroll_into_view_if_needed()
                page.locator("#industry").evaluate("one => one.scrollIntoView({block: 'start'})")
                studio.take(page, "knowledge-industry", size)


def remove_broken(studio: Studio) -> None:
    who, documents = local_operator(studio.artist.id), studio.site.services.documents
    for one in documents.list(who, kb="personal").items:
        if one.status == "failed":
            documents.delete(who, one.id)


def others(studio: Studio, size: str) -> None:
    for name, user in (("dashboard-empty", studio.newcomer), ("dashboard", studio.artist)):
        with studio.page(size, user, "app/dashboard") as page:
            expect(page.locator("#health .whole")).to_be_visible(timeout=LOADED)
            studio.take(page, name, size)
    for name in ("profile", "account"):
        with studio.page(size, studio.artist, f"app/{name}") as page:
            expect(page.locator(f"#{name}-page form").first).to_be_visible(timeout=LOADED)
            studio.take(page, name, size)


def admin(studio: Studio, size: str) -> None:
    with studio.page(size, studio.admin, "app/admin") as page:
        expect(page.get_by_role("table", name="Accounts")).to_be_visible(timeout=LOADED)
        studio.take(page, "admin-users", size)
        for tab, name, there in (
            ("System", "admin-system", "#system table"),
            ("Audit", "admin-audit", "#audit table"),
            ("Metrics", "admin-metrics", "#metrics-panel .summary"),
            ("Language model", "admin-language-model", "#models form"),
        ):
            page.get_by_role("tab", name=tab).click()
            expect(page.locator(there).first).to_be_visible(timeout=LOADED)
            studio.take(page, name, size)
        page.get_by_role("radio", name="OpenAI", exact=True).check(force=True)
        studio.take(page, "admin-language-model-openai", size)


PAGES: tuple[tuple[Callable[[Studio, str], None], tuple[str, ...]], ...] = (
    (doors, ("sign-in", "registration")),
    (welcome, ("welcome",)),
    (chat, ("chat", "menu")),
    (knowledge, ("knowledge",)),
    (details, ("knowledge-details",)),
    (plans, ("plan",)),
    (writing, ("writing",)),
    (exports, ("export",)),
    (others, ("dashboard", "profile", "account")),
    (admin, ("admin",)),
)


def fill(site: Api, artist: User) -> None:
    """The industry's knowledge, and an artist with a contract, the samples and a profile."""
    services, who = site.services, local_operator(artist.id)
    load_seed(services.db, services.documents, SEED_DIR)
    with TemporaryDirectory() as folder:
        contract = make_contract_pdf(Path(folder) / "management-agreement.pdf")
        with contract.open("rb") as source:
            kept = services.documents.receive(
                who, kb="personal", filename=contract.name, source=source, title="Management agreement"
            )
    services.documents.update(who, kept.id, standing="signed")
    for name in PAPERS:  # no samples any more, but an artist's own
        text = re.sub(
            r"\(a sample[^)]*\)|This is a sample.*|\bSample ", "", (SAMPLES / name).read_text(encoding="utf-8")
        )
        title = name.split(".")[0].replace("-", " ").capitalize()
        services.documents.receive(who, kb="personal", filename=name, source=io.BytesIO(text.encode()), title=title)
    services.profiles.put(who, PROFILE)
    services.artists.create(who, "Night Ferry")
    for kb in ("personal", "global"):
        while any(one.status != "ready" for one in services.documents.list(who, kb=kb, limit=200).items):
            time.sleep(0.2)
    fill_guidance(site, artist)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="how the names of the pictures begin; without any, all")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    wanted = tuple(chosen.names)
    settings = load_settings(env={})
    for row in settings.embeddings:
        if row.name == "minilm":
            exported_folder(row, settings.data)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as data, served(Path(data) / "data", (settings.data.dir / "models").resolve()) as site:
        site.llm.script(answer)
        newcomer, artist = (site.services.users.add(f"{name}@example.com", PASSWORD) for name in ("newcomer", "artist"))
        chief = site.services.users.add("admin@example.com", PASSWORD, role="admin")
        fill(site, artist)
        with sync_playwright() as playwright:
            browser = open_browser(playwright)
            studio = Studio(browser, site, chosen.folder, wanted, newcomer, artist, chief)
            for shoot, names in PAGES:
                if wanted and not any(
                    name.startswith(word) or word.startswith(name) for name in names for word in wanted
                ):
                    continue
                for size in SIZES:
                    shoot(studio, size)
            browser.close()


if __name__ == "__main__":
    main()
