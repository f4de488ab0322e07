"""The goals on the admin page in a browser, and what they say in words."""

from __future__ import annotations

from datetime import date

import pytest
from playwright.sync_api import expect

from app.services.metrics import Failure, Metric, Week
from app.services.usage import UsageModel
from app.ui.metrics import failures_html, goals_html, models_html, weeks_html
from tests.api.conftest import Api
from tests.services.seeded import settle
from tests.ui.chromium import DESKTOP, PHONE
from tests.ui.conftest import Visit

LOADED = 20_000  # ms: the first page of a browser on a busy machine
EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def seeded(site: Api) -> None:
    settle(site.services.db)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_admin_sees_goals_failures_and_costs(site: Api, seeded: None, visitor: Visit, size: tuple[int, int]) -> None:
    admin = visitor(size, role="admin")
    page = admin.open("admin")
    expect(page.get_by_role("tab", name="Metrics")).to_be_visible(timeout=LOADED)
    page.get_by_role("tab", name="Metrics").click()
    goals = page.get_by_role("list", name="Goals").get_by_role("listitem")
    expect(goals).to_have_count(8, timeout=LOADED)
    helpful = goals.filter(has_text="Answers found helpful")
    expect(helpful).to_contain_text("67 %2 of 3. Goal 85 %: not reached")
    active = page.locator("#metrics-active .summary")
    expect(active).to_contain_text("3 users in the last 7 days, 1 user in the 7 days before.")
    expect(page.get_by_role("img", name="3 users in the last 7 days")).to_be_visible(timeout=LOADED)
    failures = page.get_by_role("table", name="Failures")
    expect(failures.get_by_role("row", name="Page … cannot be read.")).to_contain_text("2")
    expect(page.get_by_role("table", name="Language models")).to_contain_text("1 000")
    assert not admin.scrolls_sideways()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV metrics").click()
    assert download.value.path().read_text().startswith("metric,title,part,whole,share,target")


def test_every_tab_is_in_sight_on_a_phone(visitor: Visit) -> None:
    """What Gradio finds no room for it hides behind three dots."""
    page = visitor(PHONE, role="admin").open("admin")
    expect(page.get_by_role("tab", name="Users")).to_be_visible(timeout=LOADED)
    for name in ("Metrics", "System", "Audit", "Language model"):
        expect(page.get_by_role("tab", name=name)).to_be_visible()


# The texts


def metric(part: int, whole: int, target: float | None) -> Metric:
    share = part / whole if whole else None
    return Metric(name="n", title="Title", about="About.", part=part, whole=whole, share=share, target=target)


def test_a_goal_says_in_words_whether_it_is_met() -> None:
    assert "Goal 70 %: reached" in goals_html([metric(7, 10, 0.7)])
    assert "Goal 70 %: not reached" in goals_html([metric(69, 100, 0.7)])
    assert "nothing to count yet" in goals_html([metric(0, 0, 0.7)])
    assert "Goal " not in goals_html([metric(1, 2, None)])


def test_nothing_from_outside_is_markup() -> None:
    row = {"tokens_in": 1, "tokens_out": 1, "estimated": 0, "answers": 1, "failures": 0, "users": 1, "cost": None}
    model = UsageModel.model_validate({"model": EVIL, "last": "2026-03-01", "p50_ms": None, "p95_ms": 1200, **row})
    failure = Failure(what="document", reason=EVIL, count=1, last=date(2026, 3, 1))
    for shown in (failures_html([failure]), models_html([model], EVIL)):
        assert "<script" not in shown
    assert "not priced" in models_html([model], "USD")
    assert "1.2 s" in models_html([model], "USD")
    assert failures_html([]) == '<p class="summary">Nothing failed.</p>'
    weeks = [Week(last=date(2026, 3, 1), users=0), Week(last=date(2026, 3, 8), users=1)]
    assert "1 user in the last 7 days, 0 users in the 7 days before." in weeks_html(weeks)
