"""The templates that ship: sound, and each figure a passage of the starter knowledge base, word for word."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from app.config import SEED_DIR
from app.services.plans.templates import (
    TOPICS,
    Template,
    chosen_steps,
    lead_of,
    template_public,
    templates,
)

IDS = {
    "release_single", "release_ep", "release_album", "artist_development_12_months", "marketing_campaign", "producer_business",
}  # fmt: skip


def section(topic: str, heading: str) -> str:
    """The text under a heading of a file of the starter knowledge."""
    text = (SEED_DIR / f"{topic}.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{topic} has no part called {heading}"
    return found.group(1)


def test_the_templates_are_there() -> None:
    assert set(templates()) == IDS
    assert {one.id for one in templates().values() if one.budget} >= {"marketing_campaign", "release_single"}


@pytest.mark.parametrize("name", sorted(IDS))
def test_every_lead_time_is_from_where_the_template_says(name: str) -> None:
    chosen = templates()[name]
    for source in chosen.sources.values():
        assert source.url or source.quote in section(source.topic or "", source.heading), source
    assert {step.source for step in chosen.steps} | ({chosen.budget.source} if chosen.budget else set()) == set(
        chosen.sources
    )
    for step in chosen.steps:
        lead = lead_of(chosen, step)
        assert lead.days == -step.days
        assert lead.source.title
        assert lead.source.quote or lead.source.url


def test_titles_are_those_of_the_files() -> None:
    for topic, title in TOPICS.items():
        assert (SEED_DIR / f"{topic}.md").read_text(encoding="utf-8").splitlines()[0] == f"# {title}"


@pytest.mark.parametrize("name", sorted(IDS))
def test_every_step_says_who_why_and_how_long(name: str) -> None:
    for step in templates()[name].steps:
        assert all((step.title, step.owner, step.effort, step.reason, step.search)), step.key
        assert step.reason.endswith(".")
        assert len(step.title) <= 120
    shown = template_public(templates()[name])
    assert len(shown.steps) == len(templates()[name].steps)
    assert shown.days_before > 0


def test_optional_steps_come_with_the_words_that_want_them() -> None:
    album = templates()["release_album"]
    plain, pressed = chosen_steps(album, "An album"), chosen_steps(album, "An album on Vinyl, then a tour")
    assert "vinyl" not in {step.key for step in plain}
    assert {"vinyl", "mechanical", "tour"} <= {step.key for step in pressed}
    for steps in (plain, pressed):
        keys = [step.key for step in steps]
        assert all(set(step.needs) <= set(keys[: keys.index(step.key)]) for step in steps)


def test_who_needed_a_step_that_stays_out_needs_what_it_needed() -> None:
    single = templates()["release_single"]
    release = next(step for step in chosen_steps(single, "A single") if step.key == "release")
    assert "master" in release.needs, "the video, which is not made here, needed the master"


SOUND: dict[str, Any] = {
    "id": "one", "title": "One", "summary": "One.", "goal": "One.", "target": "Day",
    "sources": {"a": {"title": "Guideline", "url": "https://example.org/"}},
    "steps": [
        {"key": "a", "title": "A", "days": -9, "window": [-10, -8], "owner": "x", "effort": "x", "reason": "x", "source": "a"},
        {"key": "b", "title": "B", "days": -5, "window": [-6, 0], "owner": "x", "effort": "x", "reason": "x", "source": "a",
         "needs": ["a"]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "a"}, {"days": 1}, {"source": "nowhere"}, {"needs": ["c"]}, {"days": -12, "window": [-12, 0]}, {"colour": "red"},
    ],
)  # fmt: skip
def test_an_unsound_template_stops_the_start(wrong: dict[str, Any]) -> None:
    assert Template.model_validate(SOUND).steps
    with pytest.raises(ValidationError):
        Template.model_validate({**SOUND, "steps": [SOUND["steps"][0], {**SOUND["steps"][1], **wrong}]})
