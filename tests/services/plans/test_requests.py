"""What a message asks to change, by rules; and the days and spans that people write."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.models import DONE, Plan, PlanStep
from app.services.plans.making import draft_plan
from app.services.plans.requests import Open, asked_changes
from app.services.plans.templates import templates
from app.services.plans.whens import find_day, find_days, find_span
from app.services.profiles import ProfileShape

TODAY = date(2026, 11, 22)  # a Sunday
TARGET = date(2027, 4, 16)


def opened(template: str, title: str) -> Open:
    draft, _ = draft_plan(templates()[template], "", TARGET, ProfileShape(), title)
    plan = Plan(user_id="u", title=draft.title, template=template, target_date=TARGET, body=draft.body())
    return Open(
        plan,
        [
            PlanStep(plan_id=plan.id, key=one.key, number=n, title=one.title, due=one.due, body=one.body())
            for n, one in enumerate(draft.steps)
        ],
    )


SINGLE, CAMPAIGN = (
    opened("release_single", "Release of Harbour Lights"),
    opened("marketing_campaign", "Tickets for spring"),
)


def asked(text: str, plans: list[Open] | None = None) -> list[tuple[str, str | None, dict[str, Any]]]:
    found = asked_changes(text, [SINGLE] if plans is None else plans, TODAY)
    return [(one.kind, one.step_key, one.change) for one in found]


@pytest.mark.parametrize(
    ("text", "kind", "key", "change"),
    [
        ("Move the artwork to 3 May.", "move_step", "artwork", {"due": "2027-05-03"}),
        ("Can you move the editorial pitch to March 12, 2027?", "move_step", "pitch", {"due": "2027-03-12"}),
        ("The split sheet is done", "done", "splits", {}),
        ("We have finished the artwork!", "done", "artwork", {}),
        ("Mark the pre-save link as done.", "done", "presave", {}),
        ("Push the release by two weeks", "move_target", None, {"target_date": "2027-04-30"}),
        ("please postpone the release date by a month", "move_target", None, {"target_date": "2027-05-16"}),
        ("Bring the release forward by 10 days", "move_target", None, {"target_date": "2027-04-06"}),
        ("Move everything a week later", "move_target", None, {"target_date": "2027-04-23"}),
        ("Move the release to 7 May 2027", "move_target", None, {"target_date": "2027-05-07"}),
        ("Move the short clips back by 3 days", "move_step", "clips", {"due": "2027-03-20"}),
        ("Snooze the editorial pitch until next Friday", "snooze", "pitch", {"until": "2026-11-27"}),
        ("Drop the second wave of a live version", "drop", "second_wave", {}),
        ("Skip the artwork", "drop", "artwork", {}),
        ("Add a step: book a rehearsal room by 2 March", "add_step", None, {"title": "Book a rehearsal room", "due": "2027-03-02"}),
        ("Add a task to order stickers to the plan", "add_step", None, {"title": "Order stickers"}),
    ],
)  # fmt: skip
def test_what_is_asked(text: str, kind: str, key: str | None, change: dict[str, Any]) -> None:
    assert asked(text) == [(kind, key, change)]


@pytest.mark.parametrize(
    "text",
    [
        "Is the artwork done?", "When is the split sheet finished?", "What does my contract say about delivery?",
        "The deal is done", "Move the piano to 3 May", "Push the thing by two weeks", "I have finished my coffee",
        "How do I move to London in May?", "Hello!", "Move the release to 31 June", "", "The song was recorded in two weeks",
        "Should we push the release by two weeks?",
    ],
)  # fmt: skip
def test_what_asks_for_no_change(text: str) -> None:
    assert asked(text) == []


def test_nothing_is_proposed_without_a_plan_or_for_what_is_done() -> None:
    assert asked("Push the release by two weeks", []) == []
    step = next(step for step in SINGLE.steps if step.key == "artwork")
    step.status = DONE
    try:
        assert asked("The artwork is done") == []
    finally:
        step.status = "open"


def test_each_sentence_asks_for_itself() -> None:
    found = asked("The artwork is done. Move the editorial pitch to 1 March 2027.\nThe split sheet is finished too.")
    assert [(kind, key) for kind, key, _ in found] == [("done", "artwork"), ("move_step", "pitch"), ("done", "splits")]


def test_among_several_plans_the_named_one_is_meant() -> None:
    both = [CAMPAIGN, SINGLE]
    found = asked_changes("Push the release of Harbour Lights by a week", both, TODAY)
    assert [one.plan_id for one in found] == [SINGLE.plan.id]
    found = asked_changes("Push the campaign for tickets in spring by a week", both, TODAY)
    assert [one.plan_id for one in found] == [CAMPAIGN.plan.id]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 2027-05-03", date(2027, 5, 3)), ("the 3rd of May", date(2027, 5, 3)), ("Dec 1", date(2026, 12, 1)),
        ("22 November", TODAY), ("21 November", date(2027, 11, 21)), ("3.5.2027", date(2027, 5, 3)), ("tomorrow", date(2026, 11, 23)),
        ("on Sunday", date(2026, 11, 29)), ("next monday", date(2026, 11, 23)), ("29 February", date(2028, 2, 29)),
        ("31 June", None), ("2027-02-30", None), ("3/5/2027", None), ("someday", None), ("9999-12-31", None), ("May 1801", None),
    ],
)  # fmt: skip
def test_days_as_people_write_them(text: str, day: date | None) -> None:
    assert find_day(text, TODAY) == day


def test_spans_as_people_write_them() -> None:
    for text, day in (
        ("two weeks", TODAY + timedelta(days=14)), ("10 days", TODAY + timedelta(days=10)), ("a month", date(2026, 12, 22)),
    ):  # fmt: skip
        span = find_span(f"by {text}")
        assert span is not None
        assert span.after(TODAY) == day
    month = find_span("one month")
    assert month is not None
    assert month.after(date(2027, 1, 31)) == date(2027, 2, 28)
    assert month.after(date(2027, 3, 31), -1) == date(2027, 2, 28)
    assert find_span("a while") is None
    assert find_days("from 3 May 2027 to 5 May 2027", TODAY) == [date(2027, 5, 3), date(2027, 5, 5)]
