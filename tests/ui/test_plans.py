"""Plans in a browser, on the real service: made, worked on, moved, checked against a contract, changed by the chat's proposals."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.principal import local_operator
from tests.api.conftest import Api
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit
from tests.ui.planned import QUOTE, add_answer, add_contract, call, in_days, make_plan, propose
from tests.ui.test_accessibility import NAMELESS

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
EVIL = "<b onclick=alert(1)>Loud</b>"


def open_plan(person: Visitor, plan: dict[str, Any]) -> Page:
    page = person.open(f"plans#plan={plan['id']}")
    expect(page.get_by_role("heading", name=plan["title"])).to_be_visible(timeout=20_000)
    return page


def step_of(page: Page, title: str) -> Locator:
    return page.locator(".step").filter(has=page.get_by_role("button", name=title, exact=True))


def opened(page: Page, title: str) -> Locator:
    row = step_of(page, title)
    row.get_by_role("button", name=title, exact=True).click()
    return row


def kept(person: Visitor, plan: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = call(person, "GET", f"/plans/{plan['id']}")
    return found


def kept_step(person: Visitor, plan: dict[str, Any], key: str) -> dict[str, Any]:
    return next(step for step in kept(person, plan)["steps"] if step["key"] == key)


@SIZES
def test_a_plan_is_made_from_a_goal_and_a_day(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    artist = site.services.artists.create(local_operator(someone.user.id), "Paper Kite")
    page = someone.open("plans")
    expect(page.locator("#plans-said")).to_contain_text("No plan yet", timeout=20_000)
    page.get_by_role("link", name="New plan").click()
    day = page.get_by_role("textbox", name="Release day")
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_text("Choose what the plan is for.")).to_be_visible()
    page.get_by_label("Release of a single").check()
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_text("Choose the day to plan for.")).to_be_visible()
    expect(day).to_be_focused()
    day.fill(in_days(20).isoformat())
    expect(page.locator("#plan-near")).to_contain_text("would be late at once")
    day.fill(in_days(150).isoformat())
    expect(page.locator("#plan-near")).to_contain_text("weeks ahead of it")
    page.get_by_role("textbox", name="Goal").fill("Reach more listeners with a budget of 1,000 EUR")
    page.get_by_label("Artist", exact=True).select_option(label="Paper Kite")
    page.get_by_label("Name of the plan").fill(EVIL)
    assert not someone.scrolls_sideways()
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", name=EVIL)).to_be_focused(timeout=20_000)
    expect(page.locator("#plan-budget")).to_contain_text("1 000.00 EUR in all")
    assert not someone.scrolls_sideways()
    page.get_by_role("link", name="All plans").click()
    card = page.locator(".plan-card")
    expect(card.get_by_role("link", name=EVIL)).to_be_visible()
    expect(card).to_contain_text("Paper Kite")
    expect(card).to_contain_text("in 150 days")
    made = call(someone, "GET", "/plans")["items"][0]
    expect(card).to_contain_text(f"0 of {made['total']} steps done")
    assert (made["template"], made["artist_id"]) == ("release_single", artist.id)


def test_what_fits_the_role_comes_first(visitor: Visit) -> None:
    someone = visitor()
    call(someone, "PUT", "/profile", {**call(someone, "GET", "/profile"), "role": "producer"})
    page = someone.open("plans#new")
    expect(page.locator("#templates label")).to_have_count(6, timeout=20_000)
    expect(page.get_by_role("radio").first).to_have_value("producer_business")


def test_what_is_missing_is_said_where_a_phone_looks(visitor: Visit) -> None:
    page = visitor(PHONE).open("plans#new")
    expect(page.get_by_role("radio").first).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_text("Choose what the plan is for.")).to_be_in_viewport()
    assert page.title() == "Plans · AI Manager"


def test_a_step_is_checked_off_and_the_rest_hidden(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page, first = open_plan(someone, plan), plan["steps"][0]
    box = page.get_by_role("checkbox", name=f"Done: {first['title']}")
    box.check()
    expect(page.locator(".plan-head")).to_contain_text(f"1 of {plan['total']} steps done")
    expect(box).to_be_focused()
    assert kept_step(someone, plan, first["key"])["status"] == "done"
    page.get_by_role("button", name="Hide done").click()
    expect(box).to_be_hidden()
    page.get_by_role("button", name="Hide done").click()
    box.uncheck()
    expect(page.locator(".plan-head")).to_contain_text("0 of")
    assert kept_step(someone, plan, first["key"])["status"] == "open"


def test_a_step_is_edited_in_place_and_says_so(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page, first = open_plan(someone, plan), plan["steps"][0]
    row = opened(page, first["title"])
    expect(row).to_contain_text("Lead time")
    edit = row.get_by_role("button", name=f"Edit: {first['title']}")
    edit.click()
    expect(row.get_by_label("What is to be done")).to_be_focused()
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()
    edit.click()
    row.get_by_label("What is to be done").fill("")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_text("Type what is to be done.")).to_be_visible()
    row.get_by_label("What is to be done").fill(EVIL)
    row.get_by_label("Day", exact=True).fill(in_days(33).isoformat())
    row.get_by_role("button", name="Save").click()
    row = step_of(page, EVIL)
    expect(row).to_contain_text("Edited by hand")
    expect(row).to_contain_text("in 33 days")
    expect(row).to_contain_text("You changed the")
    step = kept_step(someone, plan, first["key"])
    assert (step["title"], step["due"], sorted(step["edited"])) == (EVIL, in_days(33).isoformat(), ["due", "title"])


def test_a_form_half_filled_stays_while_another_step_changes(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page, (first, second) = open_plan(someone, plan), plan["steps"][:2]
    row = opened(page, first["title"])
    row.get_by_role("button", name=f"Comment: {first['title']}").click()
    row.get_by_label("Comment", exact=True).fill("Half a thought")
    page.get_by_role("checkbox", name=f"Done: {second['title']}").check()
    expect(page.locator(".plan-head")).to_contain_text("1 of")
    expect(row.get_by_label("Comment", exact=True)).to_have_value("Half a thought")
    row.get_by_role("button", name="Add comment").click()
    expect(row.locator(".talk")).to_contain_text("Half a thought")
    expect(row).to_contain_text("1 comment")
    assert [one["text"] for one in kept_step(someone, plan, first["key"])["comments"]] == ["Half a thought"]


def test_a_step_is_snoozed_left_out_and_deleted(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page, first = open_plan(someone, plan), plan["steps"][0]
    title = first["title"]
    row = opened(page, title)
    row.get_by_role("button", name=f"Snooze: {title}").click()
    row.get_by_role("button", name="Two weeks").click()
    row.get_by_role("button", name="Snooze", exact=True).click()
    expect(row.locator(".mark")).to_contain_text("Snoozed until")
    step = kept_step(someone, plan, first["key"])
    assert (step["status"], step["snoozed_until"], step["due"]) == ("snoozed", in_days(14).isoformat(), first["due"])
    row.get_by_role("button", name=f"Wake up: {title}").click()
    expect(row.locator(".mark")).to_have_count(0)
    row.get_by_role("button", name=f"Not needed: {title}").click()
    expect(row.locator(".mark")).to_have_text("Not needed")
    assert kept_step(someone, plan, first["key"])["status"] == "dropped"
    row.get_by_role("button", name=f"Delete: {title}").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name=f"Delete: {title}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert first["key"] not in [one["key"] for one in kept(someone, plan)["steps"]]


def test_a_step_is_added(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page = open_plan(someone, plan)
    page.get_by_role("button", name="Add a step").click()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("Type what is to be done.")).to_be_visible()
    page.get_by_label("What is to be done").fill("Book the rehearsal room")
    page.locator("#plan-steps").get_by_label("Day", exact=True).fill(in_days(9).isoformat())
    page.get_by_label("Who does it").fill("The drummer")
    page.get_by_role("button", name="Add it").click()
    row = step_of(page, "Book the rehearsal room")
    expect(row).to_contain_text("The drummer")
    expect(row).to_contain_text("Added by you")
    expect(page.get_by_role("button", name="Add a step")).to_be_focused()
    found = next(one for one in kept(someone, plan)["steps"] if one["title"] == "Book the rehearsal room")
    assert (found["due"], found["owner"]) == (in_days(9).isoformat(), "The drummer")


def test_moving_the_target_day_shows_what_moves_first(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    first, second, *_ = plan["steps"]
    call(someone, "PATCH", f"/plans/{plan['id']}/steps/{first['id']}", {"due": in_days(40).isoformat()})
    page = open_plan(someone, plan)
    page.get_by_role("button", name="Move the target day").click()
    day = page.get_by_label("New target day")
    expect(page.locator(".preview")).to_have_text("This is the day it has now.")
    day.fill(in_days(30).isoformat())
    expect(page.locator(".preview")).to_contain_text("would be late at once")
    day.fill(in_days(127).isoformat())
    preview = page.locator(".preview")
    expect(preview).to_contain_text(f"{plan['total'] - 1} open steps move by 7 days, later. 1 step stays")
    expect(preview.get_by_role("row", name=second["title"])).to_be_visible()
    assert kept(someone, plan)["target_date"] == in_days(120).isoformat(), "a look moves nothing"
    page.get_by_role("button", name="Move it").click()
    expect(page.locator(".plan-head")).to_contain_text("in 127 days")
    after = {step["key"]: step["due"] for step in kept(someone, plan)["steps"]}
    assert after[first["key"]] == in_days(40).isoformat()
    assert after[second["key"]] > second["due"]


def test_what_is_late_is_named_and_leads_to_its_step(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone, days=20)
    late = plan["late"][0]["title"]
    page = open_plan(someone, plan)
    panel = page.locator("#plan-late")
    expect(panel.get_by_role("heading")).to_contain_text("late")
    panel.get_by_role("button", name=late).click()
    title = step_of(page, late).get_by_role("button", name=late, exact=True)
    expect(title).to_be_focused()
    expect(title).to_have_attribute("aria-expanded", "true")
    expect(step_of(page, late)).to_contain_text("days late")


@SIZES
def test_a_clause_that_the_plan_breaks_is_named_and_kept(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    add_contract(site, someone)
    plan = make_plan(someone, days=260)
    assert plan["conflicts"], "the contract asks for more than the template gives"
    page = open_plan(someone, plan)
    panel = page.locator("#plan-conflicts")
    expect(panel.locator("blockquote").first).to_have_text(QUOTE)
    expect(panel).to_contain_text("Not legal advice")
    expect(panel.get_by_role("button", name="Open page 3 of Distribution agreement").first).to_be_visible()
    page.evaluate("window.aim.view = (asked) => (window.asked = asked)")
    panel.get_by_role("button", name="Open page 3 of Distribution agreement").first.click()
    asked = page.evaluate("window.asked")
    assert (asked["page"], asked["start"], asked["document"]) == (3, 0, plan["conflicts"][0]["document_id"])
    while panel.get_by_role("button", name="Move it to").count():
        before = panel.locator("li").count()
        panel.get_by_role("button", name="Move it to").first.click()
        expect(panel.locator("li")).to_have_count(before - 1)
    assert kept(someone, plan)["conflicts"] == []
    assert not someone.scrolls_sideways()


def test_proposals_are_accepted_one_by_one(site: Api, visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    first, second, *_ = plan["steps"]
    propose(site, plan, first)
    propose(site, plan, second)
    page = open_plan(someone, plan)
    offers = page.locator("#plan-proposals li")
    expect(offers).to_have_count(2)
    assert kept_step(someone, plan, first["key"])["due"] == first["due"], "nothing holds before it is accepted"
    offers.filter(has_text=first["title"]).get_by_role("button", name="Accept").click()
    expect(offers).to_have_count(1)
    offers.get_by_role("button", name="Decline").click()
    expect(page.locator("#plan-proposals")).to_have_count(0)
    after = kept(someone, plan)
    assert [
        step["due"] > before["due"] for step, before in zip(after["steps"][:2], plan["steps"][:2], strict=True)
    ] == [
        True,
        False,
    ]


def test_a_plan_is_renamed_finished_taken_up_and_deleted(visitor: Visit) -> None:
    someone = visitor()
    plan = make_plan(someone)
    page = open_plan(someone, plan)
    page.get_by_role("button", name="Edit name and goal").click()
    page.locator(".plan-head").get_by_label("Name of the plan").fill("Paper boats")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Paper boats")).to_be_visible()
    page.get_by_role("button", name="Mark as finished").click()
    expect(page.locator("h1 .mark")).to_have_text("Finished")
    page.get_by_role("link", name="All plans").click()
    page.get_by_text("Finished and put aside (1)").click()
    page.get_by_role("link", name="Paper boats").click()
    page.get_by_role("button", name="Take up again").click()
    expect(page.locator("h1 .mark")).to_have_count(0)
    page.get_by_role("button", name="Delete plan").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#plans-said")).to_have_text("“Paper boats” was deleted.")
    assert call(someone, "GET", "/plans")["items"] == []


def test_a_plan_of_somebody_else_is_not_here(visitor: Visit) -> None:
    plan, other = make_plan(visitor()), visitor()
    page = other.open(f"plans#plan={plan['id']}")
    expect(page.get_by_role("alert")).to_have_text("This plan is not here any more.", timeout=20_000)
    other.witness.seen.clear()  # the browser writes every 404 to its console
    page.get_by_role("link", name="All plans").click()
    expect(page.locator("#plans-said")).to_contain_text("No plan yet")


@SIZES
def test_an_answer_becomes_a_plan(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    question = "Help me plan my album release on 3 May 2027 & more"
    place, _ = add_answer(site, someone, question)
    page = someone.open("profile")
    page.evaluate("(id) => sessionStorage.setItem('aim.conversation', id)", place)
    page = someone.open()
    page.get_by_role("button", name="Make this a plan").click()
    expect(page.get_by_role("textbox", name="Goal")).to_have_value(question, timeout=20_000)
    expect(page.get_by_role("radio", name="Release of an album")).to_be_checked()
    expect(page.locator("#plan-date")).to_have_value("2027-05-03")
    assert "goal" not in page.url, "a question does not stay in the address"


@SIZES
def test_what_the_chat_proposes_stands_under_its_answer(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    plan = make_plan(someone)
    place, answer = add_answer(site, someone, "The splits need more time")
    first, second, *_ = plan["steps"]
    propose(site, plan, first, answer)
    propose(site, plan, second, answer)
    page = someone.open("profile")
    page.evaluate("(id) => sessionStorage.setItem('aim.conversation', id)", place)
    page = someone.open()
    offers = page.locator(".plan-changes li")
    expect(offers).to_have_count(2, timeout=20_000)
    expect(page.locator(".plan-changes")).to_contain_text("Nothing changes before you accept it.")
    assert not someone.scrolls_sideways()
    settle(page)
    assert grave(page) == []
    offers.filter(has_text=first["title"]).get_by_role("button", name="Accept").click()
    expect(offers.filter(has_text=first["title"])).to_contain_text("Accepted.")
    offers.filter(has_text=second["title"]).get_by_role("button", name="Decline").click()
    expect(offers.filter(has_text=second["title"])).to_contain_text("Declined.")
    assert kept_step(someone, plan, first["key"])["due"] > first["due"]
    page.get_by_role("link", name=plan["title"]).click()
    expect(page.get_by_role("heading", name=plan["title"])).to_be_visible(timeout=20_000)


@SIZES
def test_a_plan_with_everything_open_has_no_serious_violation(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    add_contract(site, someone)
    plan = make_plan(someone, days=30, goal="Reach listeners with 1,000 EUR")
    propose(site, plan, plan["steps"][0])
    page = open_plan(someone, plan)
    title = plan["steps"][0]["title"]
    opened(page, title).get_by_role("button", name=f"Edit: {title}").click()
    page.get_by_role("button", name="Move the target day").click()
    page.get_by_label("New target day").fill(in_days(60).isoformat())
    expect(page.locator(".preview table")).to_be_visible()
    settle(page)
    assert grave(page) == []
    assert page.evaluate(NAMELESS) == []
    assert not someone.scrolls_sideways()
