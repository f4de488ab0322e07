"""The strip of what is due and the dates to confirm, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.api.conftest import Api
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE
from tests.ui.conftest import Visit
from tests.ui.planned import add_contract, add_date, call, in_days, make_plan

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])


@SIZES
@pytest.mark.parametrize("path", ["dashboard", "plans"])
def test_the_strip_names_what_is_due_and_lets_it_be_done(visitor: Visit, size: tuple[int, int], path: str) -> None:
    someone = visitor(size)
    plan = make_plan(someone, days=20)
    page = someone.open(path)
    strip = page.locator(".deadlines")
    expect(strip.get_by_role("listitem")).to_have_count(4, timeout=20_000)
    due = call(someone, "GET", "/deadlines?days=60")
    expect(strip.get_by_role("status")).to_have_text(f"{due['overdue']} overdue")
    late = due["items"][0]
    expect(strip.get_by_role("listitem").first).to_contain_text(late["title"])
    expect(strip.get_by_role("listitem").first).to_contain_text(f"{-late['days_left']} days late")
    strip.get_by_role("button", name=f"Show all {len(due['items'])}").click()
    expect(strip.get_by_role("listitem")).to_have_count(len(due["items"]))
    assert not someone.scrolls_sideways()
    strip.get_by_role("button", name=f"Done {late['title']}", exact=True).click()
    expect(strip.get_by_role("status")).to_have_text(f"Done: {late['title']}.")
    expect(strip.get_by_role("link", name=late["title"])).to_have_count(0)
    step = next(one for one in call(someone, "GET", f"/plans/{plan['id']}")["steps"] if one["id"] == late["id"])
    assert step["status"] == "done"
    title = due["items"][1]["title"]
    strip.get_by_role("link", name=title).click()
    expect(page.locator(".step button.title", has_text=title)).to_be_focused(timeout=20_000)


def test_where_nothing_is_due_it_says_what_will_show_here(visitor: Visit) -> None:
    page = visitor().open("dashboard")
    expect(page.locator(".deadlines")).to_contain_text("Nothing is due in the next 60 days.", timeout=20_000)
    page.locator(".deadlines").get_by_role("link", name="Make a plan").click()
    expect(page.get_by_role("heading", name="A new plan")).to_be_visible(timeout=20_000)


@SIZES
def test_dates_are_confirmed_changed_and_put_away(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    paper = add_contract(site, someone)
    for label, days in (("Notice is due", 30), ("Option ends", 50), ("Statement", 10)):
        add_date(site, someone, label, days, document_id=paper, page=3, quote="Notice is to be given in writing.")
    page = someone.open("plans")
    rows = page.locator("#dates-proposed li")
    expect(rows).to_have_count(3, timeout=20_000)
    expect(page.locator(".deadlines")).to_contain_text("Nothing is due")
    rows.filter(has_text="Notice is due").get_by_role("button", name="Confirm").click()
    expect(page.locator(".deadlines")).to_contain_text("Notice is due")
    expect(page.locator("#dates-said")).to_have_text("Confirmed: Notice is due.")
    option = rows.filter(has_text="Option ends")
    option.get_by_role("button", name="Change").click()
    option.get_by_label("Day").fill(in_days(45).isoformat())
    assert not someone.scrolls_sideways()
    settle(page)
    assert grave(page) == []
    option.get_by_role("button", name="Save and confirm").click()
    expect(page.locator("#dates-confirmed summary")).to_have_text("Confirmed (2)")
    rows.filter(has_text="Statement").get_by_role("button", name="Put away").click()
    expect(page.locator("#dates-away summary")).to_have_text("Put away (1)")
    found = {one["label"]: (one["status"], one["day"]) for one in call(someone, "GET", "/dates")["items"]}
    assert found == {
        "Notice is due": ("accepted", in_days(30).isoformat()),
        "Option ends": ("accepted", in_days(45).isoformat()),
        "Statement": ("declined", in_days(10).isoformat()),
    }
    page.locator("#dates-away summary").click()
    page.get_by_role("button", name="Bring back Statement").click()
    expect(rows).to_have_count(1)


def test_a_date_of_ones_own_is_added_and_deleted(visitor: Visit) -> None:
    someone = visitor()
    page = someone.open("plans")
    page.get_by_text("Add a date of your own").click()
    page.get_by_role("button", name="Add date").click()
    expect(page.get_by_text("Say what happens on that day.")).to_be_visible()
    page.get_by_label("What happens").fill("Studio <i>rent</i>")
    page.get_by_label("Day", exact=True).fill(in_days(12).isoformat())
    page.get_by_role("button", name="Add date").click()
    expect(page.locator(".deadlines")).to_contain_text("Studio <i>rent</i>")
    page.locator("#dates-confirmed summary").click()
    page.get_by_role("button", name="Delete Studio").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#dates-confirmed")).to_be_hidden()
    assert call(someone, "GET", "/dates")["items"] == []
