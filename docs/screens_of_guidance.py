"""Pictures of plans, the writing desk, details of a document, exports and what the dashboard makes of them: a part of
`take_screenshots`.
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from app.models import GrowthFigure, User
from app.principal import local_operator
from app.services.plans.shapes import PlanCreate, StepUpdate
from tests.api.conftest import Api

if TYPE_CHECKING:
    from docs.take_screenshots import Studio

LOADED = 20_000
PLAN = "First album in spring"


def fill_guidance(site: Api, artist: User) -> None:
    """A plan under way, figures of growth, a fact that is remembered, confirmed dates."""
    services, who = site.services, local_operator(artist.id)
    plan = asyncio.run(services.plans.create(
        who,
        PlanCreate(
            template="release_album", goal="Twenty concerts that pay for themselves", title=PLAN,
            target_date=date.today() + timedelta(weeks=26),
        ),
    ))  # fmt: skip
    with services.db.session() as session:
        for number in range(12):
            day = date.today() - timedelta(weeks=4 * (11 - number))
            for metric, value in (("listeners", 1200 + number * 260), ("followers", 800 + number * 75)):
                session.add(
                    GrowthFigure(user_id=artist.id, metric=metric, platform="Spotify", day=day, value=Decimal(value))
                )
    services.notes.create(who, "I play the guitar and an old synthesiser.")
    for step in plan.steps[:2]:
        services.plans.update_step(who, plan.id, step.id, StepUpdate(status="done"))


def plans(studio: Studio, size: str) -> None:
    with studio.page(size, studio.newcomer, "app/plans") as page:
        expect(page.locator("#plans-said")).to_contain_text("No plan yet", timeout=LOADED)
        studio.take(page, "plans-empty", size)
        page.get_by_role("link", name="New plan").click()
        page.get_by_label("Release of a single").check(timeout=LOADED)
        studio.take(page, "plans-new", size)
        page.get_by_role("button", name="Make the plan").click()
        expect(page.get_by_text("Choose the day to plan for.")).to_be_visible()
        studio.take(page, "plans-error", size)
    with studio.page(size, studio.artist, "app/plans") as page:
        card = page.locator(".plan-card").get_by_role("link", name=PLAN)
        expect(card).to_be_visible(timeout=LOADED)
        studio.take(page, "plans", size)
        card.click()
        expect(page.locator(".step").first).to_be_visible(timeout=LOADED)
        studio.take(page, "plan", size)
        page.locator(".step").nth(3).locator("button").first.click()
        page.locator(".step").nth(3).evaluate("one => one.scrollIntoView({block: 'start'})")
        studio.take(page, "plan-step", size)


def writing(studio: Studio, size: str) -> None:
    with studio.page(size, studio.artist, "app/writing") as page:
        expect(page.locator("a.kind", has_text="Short bio")).to_be_visible(timeout=LOADED)
        studio.take(page, "writing", size)
        page.locator("a.kind", has_text="Playlist pitch").click()
        page.get_by_role("button", name="Write it").click()
        studio.take(page, "writing-error", size)
        page.get_by_role("button", name="Cancel").click()
        page.locator("a.kind", has_text="Short bio").click()
        page.get_by_role("button", name="Write it").click()
        expect(page.locator("#desk-draft .text")).to_be_visible(timeout=LOADED)
        studio.take(page, "writing-draft", size)


def details(studio: Studio, size: str) -> None:
    with studio.page(size, studio.artist, "app/knowledge") as page:
        page.get_by_role("button", name="Details of Management agreement").click(timeout=LOADED)
        dialog = page.get_by_role("dialog", name="Management agreement")
        expect(dialog.locator(".advice")).to_be_visible(timeout=LOADED)
        studio.take(page, "knowledge-details", size)


def exports(studio: Studio, size: str) -> None:
    with studio.page(size, studio.artist, "app/plans") as page:
        page.locator(".plan-card").get_by_role("link", name=PLAN).click(timeout=LOADED)
        page.locator(".exports button").first.click(timeout=LOADED)
        expect(page.locator("dialog.exporting")).to_be_visible(timeout=LOADED)
        studio.take(page, "export", size)
