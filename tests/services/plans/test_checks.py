"""A plan against facts of contracts: what it breaks is named with its clause, and nothing else is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.models import DONE, Plan, PlanStep
from app.services.plans.checks import Fact, conflicts
from app.services.plans.making import draft_plan
from app.services.plans.templates import templates
from app.services.profiles import ProfileShape

TARGET = date(2027, 4, 16)


def steps(template: str = "release_single") -> list[PlanStep]:
    draft, _ = draft_plan(templates()[template], "", TARGET, ProfileShape())
    return [
        PlanStep(
            plan_id="p", key=one.key, number=n, title=one.title, due=one.due, depends_on=one.needs, body=one.body()
        )
        for n, one in enumerate(draft.steps)
    ]


def fact(kind: str, about: str = "recording agreement", **values: Any) -> Fact:
    plain = {"days": None, "until": None, "standing": "signed", "start": 10, "end": 40}
    return Fact(
        **{
            "kind": kind,
            "document_id": "d",
            "title": "Deal",
            "page": 3,
            "quote": "The clause.",
            "about": about,
            **plain,
            **values,
        }
    )


def named(facts: list[Fact], template: str = "release_single", done: tuple[str, ...] = ()) -> dict[str, Any]:
    made = steps(template)
    for step in made:
        step.status = DONE if step.key in done else step.status
    keys = {step.id: step.key for step in made}
    return {keys.get(one.step_id or "", ""): one for one in conflicts(facts, TARGET, made)}


@pytest.mark.parametrize(("days", "broken"), [(41, False), (42, False), (43, True), (60, True)])
def test_a_delivery_lead_time(days: int, broken: bool) -> None:
    found = named([fact("delivery_lead_time", days=days)])
    assert set(found) == ({"deliver"} if broken else set())
    if broken:
        one = found["deliver"]
        assert one.needed == TARGET - timedelta(days=days)
        assert (one.page, one.quote, one.title, one.start) == (3, "The clause.", "Deal", 10)
        assert f"{days} days before release" in one.text
        assert "5 March 2027" in one.text, "the day on which the plan delivers"
    assert named([fact("delivery_lead_time", days=days)], done=("deliver",)) == {}, (
        "what is done breaks nothing any more"
    )


def test_an_approval_period() -> None:
    assert named([fact("approval_period", days=10)]) == {}
    found = named([fact("approval_period", days=16)])
    assert set(found) == {"artwork"}, "14 days lie between artwork and delivery, 21 between master and delivery"
    assert found["artwork"].needed == TARGET - timedelta(days=42 + 16)


@pytest.mark.parametrize(("until", "broken"), [(TARGET - timedelta(days=1), False), (TARGET, True), (None, False)])
def test_an_option_window(until: date | None, broken: bool) -> None:
    found = named([fact("option_window", until=until)])
    assert set(found) == ({"release"} if broken else set())
    assert named([fact("option_window", until=until)], "producer_business") == {}


@pytest.mark.parametrize(
    ("about", "template", "broken"),
    [
        ("exclusive recording services", "release_single", {"release"}),
        ("exclusive songwriter, musical works", "release_single", {"register_song"}),
        ("sole and exclusive personal manager", "release_single", set()),
        ("sole and exclusive personal manager", "artist_development_12_months", {"team"}),
        ("exclusive production services", "producer_business", {"exclusive"}),
        ("an exclusive wristwatch", "release_album", set()),
    ],
)
def test_an_exclusivity_touches_what_it_speaks_of(about: str, template: str, broken: set[str]) -> None:
    found = named([fact("exclusivity", about)], template)
    assert set(found) >= broken
    assert bool(found) == bool(broken)
    ended = date(2020, 1, 1)
    assert named([fact("exclusivity", about, until=ended)], template) == {}, "it has ended"


def test_the_kind_of_paper_decides_before_the_words_of_its_clause() -> None:
    words = "sole and exclusive manager throughout the record industry"
    assert named([fact("exclusivity", words, contract="management")]) == {}
    assert set(named([fact("exclusivity", "in the music business", contract="recording")])) == {"release"}


@pytest.mark.parametrize(("days", "broken"), [(43, False), (42, False), (41, True), (None, False)])
def test_a_release_that_is_to_follow_delivery(days: int | None, broken: bool) -> None:
    found = named([fact("release_commitment", days=days)])
    assert set(found) == ({"deliver"} if broken else set())
    if broken:
        assert found["deliver"].needed == TARGET - timedelta(days=41)
        assert (found["deliver"].page, found["deliver"].quote) == (3, "The clause.")
        assert (
            "within 41 days of delivery: with delivery on 5 March 2027 that is 15 April 2027" in found["deliver"].text
        )
    assert named([fact("release_commitment", days=30)], "artist_development_12_months") == {}, "it delivers nothing"


def test_what_was_delivered_counts_from_its_day_and_moves_the_release() -> None:
    made = steps()
    deliver, release = (next(step for step in made if step.key == key) for key in ("deliver", "release"))
    deliver.status, deliver.done_at = DONE, datetime(2027, 3, 10, 9, tzinfo=UTC)
    assert conflicts([fact("release_commitment", days=37)], TARGET, made) == []
    [one] = conflicts([fact("release_commitment", days=36)], TARGET, made)
    assert (one.step_id, one.needed) == (release.id, TARGET - timedelta(days=1))
    release.status = DONE
    assert conflicts([fact("release_commitment", days=1)], TARGET, made) == [], "it is out"


@pytest.mark.parametrize(
    ("goal", "title", "keys"),
    [
        ("Release the next single", "Approve the final master", set()),
        ("Re-record our first album", "Approve the final master", {"release"}),
        ("Release the next single", "Record the old songs again", {"master"}),
        ("Release the next single", "Track a new version of the single", {"master"}),
        ("Keep a record of who answered", "Record the guitars", set()),
    ],
)
@pytest.mark.parametrize(("until", "binds"), [(None, True), (date(2027, 4, 16), True), (date(2020, 1, 1), False)])
def test_songs_that_may_not_be_recorded_anew(
    goal: str, title: str, keys: set[str], until: date | None, binds: bool
) -> None:
    made = steps()
    next(step for step in made if step.key == "master").title = title
    found = conflicts([fact("re_recording", days=1830, until=until)], TARGET, made, goal)
    named = {step.key for step in made for one in found if one.step_id == step.id}
    assert named == (keys if binds else set())
    if named:
        assert (found[0].page, found[0].quote) == (3, "The clause.")
        assert ("until 16 April 2027" if until else "for 1830 days, and no day was read") in found[0].text
        assert found[0].needed == (date(2027, 4, 17) if until else None)


def test_a_draft_is_called_a_draft() -> None:
    assert named([fact("delivery_lead_time", days=90, standing="draft")])["deliver"].text.endswith(
        "The paper is a draft."
    )


def test_a_plan_of_another_day_keeps_the_clause() -> None:
    made = steps()
    for step in made:
        if step.key == "deliver":
            step.due -= timedelta(days=30)
    assert conflicts([fact("delivery_lead_time", days=60)], TARGET, made) == []
    assert Plan(user_id="u", title="P", template="x", target_date=TARGET).status == "open"
