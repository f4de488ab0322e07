"""Property tests of the arithmetic: order, windows, moving; over the templates that ship and over made-up ones."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models import DONE, DROPPED, OPEN, SNOOZED, Plan, PlanStep
from app.services.plans.making import PlanDraft, draft_plan, money
from app.services.plans.records import move_target
from app.services.plans.schedule import Dated, due_on, late, misplaced, moved
from app.services.plans.templates import Template, templates
from app.services.profiles import ProfileShape

DAYS = st.dates(date(2003, 1, 1), date(2097, 12, 31))
SHIPPED = st.sampled_from(sorted(templates()))
GOALS = st.sampled_from(
    ["", "A single with a video", "An album on vinyl and CD, then a tour", "EP and release show", "beats with samples"]
)
QUICK = settings(max_examples=30, deadline=None)


@st.composite
def made_up(draw: st.DrawFn) -> Template:
    """A sound template: every step after what it needs, within its window; some optional."""
    steps: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 12))):
        needs = (
            draw(st.lists(st.sampled_from([str(step["key"]) for step in steps]), unique=True, max_size=3))
            if steps
            else []
        )
        first = max((int(str(step["days"])) for step in steps if step["key"] in needs), default=-400)
        days = draw(st.integers(first, 400))
        window = (days - draw(st.integers(0, 30)), days + draw(st.integers(0, 30)))
        when = draw(st.sampled_from([[], ["vinyl"], ["tour"]])) if number else []
        steps.append(
            {"key": f"s{number}", "title": f"Step {number}", "days": days, "window": window, "owner": "artist", "effort": "1 day",
             "reason": "So it is.", "source": "a", "needs": needs, "when": when}
        )  # fmt: skip
    source = {"a": {"title": "Guideline", "url": "https://example.org/"}}
    return Template.model_validate(
        {"id": "x", "title": "X", "summary": "X.", "goal": "X.", "target": "Day", "sources": source, "steps": steps}
    )


TEMPLATES = st.one_of(SHIPPED.map(templates().__getitem__), made_up())


def plan_of(chosen: Template, goal: str, target: date) -> PlanDraft:
    return draft_plan(chosen, goal, target, ProfileShape())[0]


@QUICK
@given(TEMPLATES, GOALS, DAYS)
def test_no_step_is_due_before_what_it_needs_nor_outside_its_window(chosen: Template, goal: str, target: date) -> None:
    draft = plan_of(chosen, goal, target)
    due = {step.key: step.due for step in draft.steps}
    for step in draft.steps:
        assert set(step.needs) <= set(due), "nothing is needed that is not in the plan"
        assert all(due[key] <= step.due for key in step.needs)
        assert step.window is not None
        assert target + timedelta(days=step.window[0]) <= step.due <= target + timedelta(days=step.window[1])
    dated = [Dated(step.key, step.title, step.due, tuple(step.needs), step.window) for step in draft.steps]
    assert misplaced(dated, target) == []


@QUICK
@given(TEMPLATES, GOALS, DAYS)
def test_the_same_input_makes_the_same_plan(chosen: Template, goal: str, target: date) -> None:
    profile = ProfileShape(role="manager", audience="Night people", bio="A tour each year")
    assert draft_plan(chosen, goal, target, profile) == draft_plan(chosen, goal, target, profile)


@QUICK
@given(TEMPLATES, GOALS, DAYS, st.integers(-800, 800))
def test_another_target_moves_every_step_by_as_many_days(chosen: Template, goal: str, target: date, days: int) -> None:
    one, other = plan_of(chosen, goal, target), plan_of(chosen, goal, target + timedelta(days=days))
    assert [step.key for step in one.steps] == [step.key for step in other.steps]
    assert {(b.due - a.due).days for a, b in zip(one.steps, other.steps, strict=True)} == {days}


STEPS = st.lists(
    st.tuples(st.integers(-300, 300), st.sampled_from([OPEN, DONE, SNOOZED, DROPPED]), st.booleans()),
    min_size=1,
    max_size=15,
)


@QUICK
@given(STEPS, DAYS, st.integers(-700, 700))
def test_moving_a_plan_moves_what_is_open_and_not_dated_by_hand(
    made: list[tuple[int, str, bool]], target: date, days: int
) -> None:
    plan = Plan(user_id="u", title="P", template="x", target_date=target)
    steps = [
        PlanStep(
            plan_id=plan.id, key=f"s{number}", number=number, title="S", due=due_on(target, distance), status=status,
            snoozed_until=target if status == SNOOZED else None, edited=["title", *(["due"] if by_hand else [])],
        )
        for number, (distance, status, by_hand) in enumerate(made)
    ]  # fmt: skip
    before = [step.due for step in steps]
    assert move_target(plan, steps, target + timedelta(days=days)) == days
    for (_, status, by_hand), step, was in zip(made, steps, before, strict=True):
        stays = by_hand or status in (DONE, DROPPED)
        assert (step.due - was).days == (0 if stays else days)
    assert plan.target_date == target + timedelta(days=days)


@QUICK
@given(TEMPLATES, DAYS, st.integers(-500, 500))
def test_late_are_the_open_steps_whose_day_has_passed(chosen: Template, target: date, ahead: int) -> None:
    today = target - timedelta(days=ahead)
    dated = [Dated(step.key, step.title, step.due) for step in plan_of(chosen, "", target).steps]
    found = late(dated, today)
    assert {step.key for step in found} == {step.key for step in dated if step.due < today}
    assert [step.due for step in found] == sorted(step.due for step in found)
    assert late([Dated(step.key, step.title, step.due, open=False) for step in dated], today) == []


def test_days_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(ValueError):
        due_on(date(2100, 12, 1), 60)
    with pytest.raises(ValueError):
        moved([Dated("a", "A", date(2000, 1, 5))], -30)
    assert moved([Dated("a", "A", date(2000, 1, 5), fixed=True)], -30)[0].due == date(2000, 1, 5)


def test_what_was_put_in_the_wrong_place_by_hand_is_named() -> None:
    target = date(2027, 4, 16)
    master = Dated("master", "Approve the master", date(2027, 3, 20), window=(-84, -56))
    deliver = Dated("deliver", "Deliver", date(2027, 3, 5), needs=("master",), window=(-56, -35))
    said = [text for _, text in misplaced([master, deliver], target)]
    assert said == [
        "“Approve the master” is 29 days later than is customary.",
        "“Deliver” is due before “Approve the master”, which it needs.",
    ]


@pytest.mark.parametrize(
    ("goal", "total", "currency"),
    [
        ("Release it with 5,000 euros", "5000", "EUR"), ("a budget of £1.500", "1500", "GBP"), ("$3k for everything", "3000", "USD"),
        ("about 2500.50 EUR", "2500.50", "EUR"), ("500 tickets in two cities", None, None), ("€500 or €900", None, None),
    ],
)  # fmt: skip
def test_the_budget_is_the_one_sum_that_the_goal_names(goal: str, total: str | None, currency: str | None) -> None:
    found, of = money(goal)
    assert (None if found is None else str(found), of) == (total, currency)


@QUICK
@given(st.integers(1, 9_999_999))
def test_the_rows_of_a_budget_add_up(cents: int) -> None:
    from decimal import Decimal

    goal = f"Win listeners with {cents // 100}.{cents % 100:02d} euros"
    budget = plan_of(templates()["marketing_campaign"], goal, date(2027, 4, 16)).budget
    assert budget is not None
    assert all(Decimal(row.amount or 0) >= 0 for row in budget.rows)
    assert sum(Decimal(row.amount or 0) for row in budget.rows) == Decimal(cents) / 100
