"""The dashboard in a browser: figures, links that open what they name, and what an ordinary user is told of the server."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from app.models import DONE, READY, Conversation, Document, Message, User, now
from app.principal import local_operator
from app.services.analytics import AnalyticsPublic, Day
from app.services.own_figures import times_of
from app.services.roles.roles import SECTIONS
from app.services.shapes import ConversationPublic
from app.ui import dashboard
from app.ui.dashboard_texts import conversations_html, days_html, totals_html
from app.ui.plots import of_days, top_of
from app.ui.status import health_html
from tests.api.conftest import Api
from tests.services.seeded import Said, Step, document, plan, talk
from tests.ui.chromium import DESKTOP, PHONE
from tests.ui.conftest import Visit

CITATION: dict[str, Any] = {
    "label": "P1", "document_id": "d", "chunk_id": "c", "title": "Letter", "kb": "personal", "page": 1, "quote": "two options",
}  # fmt: skip
ASKED = now()
EVIL = '"><script>alert(1)</script>'


def fill(site: Api, user: User) -> str:
    """Three questions today of one conversation, two of their answers with sources; one ready document. The title."""
    title = "Which options does the label have?"
    with site.services.db.session() as session:
        conversation = Conversation(user_id=user.id, title=title, updated=ASKED)
        session.add(conversation)
        session.flush()
        for cited in ([], [CITATION], [CITATION]):
            for role, state, citations in (("user", None, []), ("assistant", "answered", cited)):
                row = Message(conversation_id=conversation.id or 0, role=role, state=state, citations=citations)
                row.text = "They have two."
                session.add(row)
        session.add(
            Document(
                kb="personal", user_id=user.id, title="Option letter", filename="a.txt", suffix=".txt", status=READY,
                pages=1, chunks=2, created=now() - timedelta(days=2),
            )
        )  # fmt: skip
    return title


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_happened_lately_and_the_way_to_it(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    title = fill(site, someone.user)
    tokyo = {"timezoneId": "Asia/Tokyo"}
    someone.page.context.new_cdp_session(someone.page).send("Emulation.setTimezoneOverride", tokyo)
    page = someone.open("dashboard")
    expect(page.locator("#recent-conversations")).to_contain_text(
        f"{ASKED + timedelta(hours=9):%d %b %Y, %H:%M}", timeout=20_000
    )
    expect(page.locator("#totals")).to_contain_text("document ready", timeout=20_000)
    expect(page.locator("#totals")).to_contain_text("67 %")
    expect(page.locator("#days .summary")).to_contain_text("3 questions asked and 1 document added")
    expect(page.get_by_role("img", name="3 questions asked")).to_be_visible()
    page.locator("#days").get_by_text("Show the figures").click()
    table = page.get_by_role("table", name="Activity by day")
    expect(table.get_by_role("row", name=f"{now():%d %b %Y}")).to_contain_text("3")
    expect(page.locator("#health")).to_contain_text("All is well.")
    expect(page.locator("#recent").get_by_role("link", name="Option letter")).to_be_visible()
    assert not someone.scrolls_sideways()
    page.get_by_role("link", name=title).click()
    expect(page.get_by_role("log")).to_contain_text("They have two.", timeout=20_000)
    expect(page.locator("#conversations [aria-current]")).to_have_text(title)
    page.goto(f"{someone.url}/app/dashboard")
    expect(page.locator("#health .whole")).to_be_visible(timeout=20_000)  # Gradio complains when it is left meanwhile
    page.get_by_role("link", name="Ask a question").click()
    expect(page.get_by_role("heading", name="Ask your manager")).to_be_visible(timeout=20_000)


def test_somebody_new_is_told_what_to_do(visitor: Visit) -> None:
    page = visitor().open("dashboard")
    expect(page.locator("#days")).to_contain_text("Nothing was asked or added", timeout=20_000)
    expect(page.locator("#plot")).to_be_hidden()
    expect(page.locator("#recent")).to_contain_text("Nothing asked yet")
    page.get_by_role("navigation", name="Quick actions").get_by_role("link", name="Add a document").click()
    expect(page.get_by_role("heading", name="Your documents")).to_be_visible()


def test_sections_stand_in_the_order_of_the_role_and_the_keyboard_goes_that_way(
    site: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ["growth", "recent", "system", *(one for one in SECTIONS if one not in ("growth", "recent", "system"))]
    monkeypatch.setattr(dashboard, "_order", lambda *_: order)
    page = visitor().open("dashboard")
    expect(page.locator("#dashboard-parts > .part").first).to_have_id("part-growth", timeout=20_000)
    found = page.eval_on_selector_all("#dashboard-parts > .part", "all => all.map((one) => one.id)")
    assert found == [f"part-{name}" for name in order]
    expect(page.locator("#health .whole")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Enter a figure").click()
    page.locator("#growth-value").fill("7")
    page.keyboard.press("Enter")
    expect(page.locator("#growth-text")).to_contain_text("7 on")  # what was moved is still drawn anew
    page.get_by_role("button", name="Change or delete").focus()
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.closest('.part')?.id"))
    seen = [name for name in dict.fromkeys(stops) if name]
    assert seen == [name for name in found if name in seen]
    assert "part-actions" in seen


def test_what_is_due_and_how_plans_and_documents_do(site: Api, visitor: Visit) -> None:
    someone = visitor(PHONE)
    me = local_operator(someone.user.id)
    with site.services.db.session() as session:
        own = [document(me, ago, title) for ago, title in ((2, "Deal"), (3, "Bio"))]
        session.add_all(own)
        session.flush()
        talk(session, me, Said(0), Said(0, "answered", (own[0].id,), "personal", 1200))
        talk(session, me, Said(0), Said(0, "direct", (), "personal", 4200))
        plan(session, me, f"Single {EVIL}", 20, Step("Mix", -9, DONE, done=2), Step("Master", -3), Step("Pitch", 10))
    page = someone.open("dashboard")
    due, plans, used = (page.locator(f"#part-{name}") for name in ("deadlines", "plans", "documents_used"))
    expect(due).to_contain_text("3 days late", timeout=20_000)
    expect(due).to_contain_text("10 days left")
    expect(plans).to_contain_text("1 of 3 steps done")
    expect(plans).to_contain_text("1 overdue")
    expect(plans.get_by_role("meter")).to_have_attribute("aria-valuenow", "33")
    expect(used).to_contain_text("1 of your 2 documents stood behind an answer (50 %).")
    expect(used.get_by_role("link", name="Bio")).to_be_visible()
    intents, times = (page.locator(f"#part-{name}") for name in ("intents", "answer_times"))
    expect(intents).to_contain_text("1 of 2 answered questions were about your own documents.")
    expect(times).to_contain_text("Half of 2 answers came within 1.2 s, 95 of 100 within 4.2 s; 50 % took less than 3")
    times.get_by_text("Show the figures").click()
    expect(page.get_by_role("table", name="Answer times").get_by_role("row", name="3–5 s")).to_contain_text("1")
    expect(page.get_by_role("img", name="Half of 2 answers")).to_be_visible(timeout=20_000)
    with page.expect_download() as download:
        due.get_by_role("link", name="Download as CSV").click()
    assert "Master" in download.value.path().read_text()
    assert not someone.scrolls_sideways()


# The texts


def figures(*questions: int, documents: int = 0, **totals: int) -> AnalyticsPublic:
    days = [Day(date=date(2026, 3, place + 1), questions=number) for place, number in enumerate(questions)]
    days[-1].documents = documents
    return AnalyticsPublic(
        days=days, intents=[], answer_times=times_of({}), documents_used=None, plans=[], upcoming=[],
        **{"documents_ready": 0, "questions_week": 0, "answers_week": 0, "sourced_week": 0, **totals},
    )  # fmt: skip


def test_the_axis_holds_the_highest_bar_and_is_never_too_short() -> None:
    assert top_of(figures(0, 1).days) == 4
    assert top_of(figures(3, 40, documents=2).days) == 46
    assert top_of(figures(3, 9, documents=2).days) == 12
    plot = of_days(figures(2, 0, documents=1).days)
    first = datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000
    assert [row[1] for row in plot["data"]] == [2, 0, 0, 1]
    assert plot["data"][0] == [first, 2, "Questions"]


def test_words_for_one_and_for_none() -> None:
    assert ">1</dd>" in totals_html(figures(1, documents_ready=1))
    assert "document ready" in totals_html(figures(1, documents_ready=1))
    assert ">none</dd>" in totals_html(figures(1))
    assert "33 %" in totals_html(figures(1, answers_week=3, sourced_week=1))
    assert "1 question asked and 0 documents added" in days_html(figures(0, 1).days)


def test_what_a_conversation_is_called_is_text() -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    shown = conversations_html([ConversationPublic(id="4", title=EVIL, artist_id=None, created=at, updated=at)])
    assert "<script" not in shown
    assert 'data-conversation="4"' in shown
    assert '<time datetime="2026-03-02T09:30:00+00:00">02 Mar 2026, 09:30</time>' in shown


def test_a_user_is_told_what_it_means_for_them_and_nothing_of_how_it_is_built() -> None:
    detail = "qdrant at http://10.0.0.5 refused the key"
    parts = {
        "database": {"status": "ok", "milliseconds": 0.1},
        "vectors": {"status": "down", "milliseconds": 3000.0, "detail": detail},
        "embedding:minilm": {"status": "building", "milliseconds": 1.0, "detail": detail},
        "language_model": {"status": "off", "milliseconds": 0.0, "detail": detail},
        "reconciler": {"status": "down", "milliseconds": 0.0, "detail": detail},
    }
    shown = health_html({"status": "down", "components": parts})
    assert "Documents cannot be searched at this moment" in shown
    assert "being prepared" in shown
    assert "No language model is set up" in shown
    assert not {"qdrant", "minilm", "ms"} & set(shown.replace("<", " ").split())
    assert health_html({"status": "ok", "components": {}}) == '<p class="whole ok">All is well.</p>'
